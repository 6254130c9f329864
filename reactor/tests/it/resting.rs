//! Loops that have nothing to do, whatever the state of their connections, and do nothing.

use crate::client_support::{BlackHole, LOOPBACK, call, refusing};
use crate::proxy::proxy;
use crate::puppet::Moment;
use crate::stage::{Actor, Stage, TOO_MUCH};
use crate::support::{PATIENCE, fill, read_exactly, swallow};
use reactor::{Connection, EventLoop, LoopHandle};
use std::io::Write;
use std::net::{Shutdown, TcpListener};
use std::sync::mpsc;
use std::time::Duration;

/// How long nothing is to happen; a loop that spins makes thousands of turns in it.
const REST: Duration = Duration::from_millis(40);
/// What may be left of before, the timer that ends the rest, and the post that asks for it.
const TURNS_MAX: u64 = 5;

/// Turns that a loop makes in [`REST`].
fn turns(handle: &LoopHandle) -> u64 {
    let (sender, receiver) = mpsc::channel();
    handle.run_in_loop(move |event_loop| {
        let before = event_loop.stats().turns;
        event_loop.run_after(REST, move |event_loop| {
            sender.send(event_loop.stats().turns - before).unwrap();
        });
    });
    receiver.recv_timeout(PATIENCE).expect("the timer fires")
}

/// Brings a connection to some state, and tells whether its loop rests then.
fn rests(what: &str, arrange: impl FnOnce(&Stage, &Actor)) {
    let stage = Stage::new(|_, _| ());
    let actor = stage.enter();
    arrange(&stage, &actor);
    stage.settle();
    let turns = turns(&stage.running.service_loop());
    assert!(turns <= TURNS_MAX, "{turns} turns with {what}");
}

/// Does something with the connection, on its loop.
fn ask(stage: &Stage, actor: &Actor, what: fn(&mut Connection<'_, ()>)) {
    let id = actor.id;
    stage.on_loop(move |connections| what(&mut connections.get(id).unwrap()));
}

fn send_too_much(connection: &mut Connection<'_, ()>) {
    connection.send(&vec![0; TOO_MUCH]);
}

#[test]
fn a_loop_rests_while_its_connections_do() {
    rests("nothing to do", |_, _| ());
    rests("all said", |stage, actor| {
        (&actor.stream).write_all(b"x").unwrap();
        stage.wait_for(Moment::Message);
        ask(stage, actor, |connection| {
            connection.send(b"y");
        });
        stage.wait_for(Moment::WriteComplete);
    });
    rests("one side ended by the peer", |stage, actor| {
        actor.stream.shutdown(Shutdown::Write).unwrap();
        stage.wait_for(Moment::EndOfStream);
    });
    rests("one side ended by the service", |stage, actor| {
        ask(stage, actor, |connection| connection.shutdown());
        assert!(crate::support::read_to_end(&actor.stream).is_empty());
    });
}

#[test]
fn a_loop_rests_while_nobody_reads() {
    rests("bytes and an end that wait", |stage, actor| {
        ask(stage, actor, |connection| connection.stop_reading());
        (&actor.stream).write_all(b"x").unwrap();
        actor.stream.shutdown(Shutdown::Write).unwrap();
    });
    rests("stuck output", |stage, actor| {
        ask(stage, actor, send_too_much);
        stage.wait_for(Moment::HighWater);
    });
    rests("stuck output, and a peer that ended", |stage, actor| {
        ask(stage, actor, send_too_much);
        actor.stream.shutdown(Shutdown::Write).unwrap();
        stage.wait_for(Moment::EndOfStream);
    });
    rests("stuck output before a close, and input that nobody wants", |stage, actor| {
        ask(stage, actor, |connection| {
            send_too_much(connection);
            connection.close_after_flush();
        });
        (&actor.stream).write_all(b"x").unwrap();
    });
    rests("output that was stuck", |stage, actor| {
        ask(stage, actor, send_too_much);
        read_exactly(&actor.stream, TOO_MUCH);
        stage.wait_for(Moment::WriteComplete);
    });
}

#[test]
fn a_loop_rests_while_the_slow_side_of_a_link_is_full() {
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let (running, _events) = proxy(listener.local_addr().unwrap(), PATIENCE);
    let _client = running.connect();
    let (target, _) = listener.accept().unwrap();
    fill(&target);
    let turns = turns(&running.service_loop());
    assert!(turns <= TURNS_MAX, "{turns} turns");
}

#[test]
fn a_loop_rests_while_a_client_waits() {
    let black_hole = BlackHole::new();
    let calling = call([black_hole.address], |builder| builder, swallow);
    assert!(turns(calling.client_loop.handle()) <= TURNS_MAX, "for an answer");
    let (_socket, refused) = refusing();
    let calling = call([refused], |builder| builder.backoff(PATIENCE, PATIENCE), swallow);
    calling.next_failed();
    assert!(turns(calling.client_loop.handle()) <= TURNS_MAX, "for the next attempt");
}

#[test]
fn a_timer_far_away_neither_fires_nor_lets_its_loop_spin() {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    // A wait in the kernel can be told no more than 24.8 days.
    for delay in [24 * DAY, 25 * DAY, 50 * DAY, 1000 * DAY, Duration::MAX] {
        let mut event_loop = EventLoop::new().unwrap();
        event_loop.run_after(delay, |_| unreachable!("far away"));
        let handle = event_loop.handle();
        let quitter = std::thread::spawn(move || {
            crate::support::wait_until("it has turned", || handle.stats().turns > 0);
            std::thread::sleep(REST);
            handle.quit();
        });
        event_loop.queue_in_loop(|_| ());
        event_loop.run().unwrap();
        quitter.join().unwrap();
        assert!(event_loop.stats().turns <= TURNS_MAX, "{delay:?}: {:?}", event_loop.stats());
    }
}
