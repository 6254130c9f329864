//! Connections closed by themselves and by their neighbours, in the middle of a batch.

use crate::support::{Event, echo, read_exactly, record, serve};
use reactor::{Buffer, CloseReason, Connection, Connections, Service};
use std::collections::HashSet;
use std::io::Write;
use std::sync::mpsc;

#[test]
fn a_neighbour_closed_in_the_same_batch_gets_no_event() {
    let recording = record(
        |builder| builder,
        |connection, input| {
            input.retrieve_all();
            let id = connection.id();
            let mut connections = connection.connections();
            for other in connections.ids().into_iter().filter(|other| *other != id) {
                connections.get(other).unwrap().force_close();
            }
        },
    );
    let (mut one, _) = recording.connect();
    let (mut two, _) = recording.connect();
    let release = recording.hold_loop();
    one.write_all(b"1").unwrap();
    two.write_all(b"2").unwrap();
    release.send(()).unwrap();
    let Event::Message(survivor, _) = recording.next() else { panic!("a message first") };
    let (victim, reason) = recording.wait_closed();
    assert_ne!(victim, survivor);
    assert_eq!(reason, CloseReason::Closed);
    recording.settle();
    assert!(recording.drain().is_empty(), "the victim's bytes are not offered");
    assert_eq!(recording.on_loop(|connections| connections.ids()), [survivor]);
}

#[test]
fn closing_all_from_a_callback_closes_each_once() {
    let recording = record(
        |builder| builder,
        |connection, input| {
            input.retrieve_all();
            connection.connections().for_each(|connection| connection.force_close());
        },
    );
    let mut streams: Vec<_> = (0..20).map(|_| recording.connect()).collect();
    let release = recording.hold_loop();
    for (stream, _) in &mut streams {
        stream.write_all(b"x").unwrap();
    }
    release.send(()).unwrap();
    let closed: HashSet<_> = (0..20).map(|_| recording.wait_closed().0).collect();
    assert_eq!(closed.len(), 20);
    recording.settle();
    assert!(recording.drain().is_empty());
    assert_eq!(recording.running.server.connection_count(), 0);
}

#[test]
fn reused_slots_are_not_confused() {
    let recording = record(|builder| builder, echo);
    let mut seen = HashSet::new();
    for round in 0..50u8 {
        let (mut stream, handle) = recording.connect();
        assert!(seen.insert(handle.id()), "ids are not reused");
        stream.write_all(&[round]).unwrap();
        assert_eq!(read_exactly(&stream, 1), [round]);
        let release = recording.hold_loop();
        // Bytes and an end for a connection that is closed before they are looked at.
        stream.write_all(b"stale").unwrap();
        handle.force_close();
        drop(stream);
        release.send(()).unwrap();
        assert_eq!(recording.wait_closed().0, handle.id());
    }
}

/// Closes the next connection from the end of each, and counts calls at the end of the turn.
struct Dominoes {
    log: mpsc::Sender<String>,
}

impl Service for Dominoes {
    type State = u32;
    type Post = ();

    fn on_message(&mut self, connection: &mut Connection<'_, u32>, input: &mut Buffer) {
        input.retrieve_all();
        connection.force_close();
    }

    fn on_closed(&mut self, connection: &mut Connection<'_, u32>, _reason: CloseReason) {
        *connection.state_mut() += 1;
        self.log.send(format!("closed {}", connection.state())).unwrap();
        let mut connections = connection.connections();
        if let Some(next) = connections.ids().into_iter().min() {
            connections.get(next).unwrap().force_close();
        }
    }

    fn on_turn_end(&mut self, connections: &mut Connections<'_, u32>) {
        self.log.send(format!("turn end {}", connections.len())).unwrap();
    }
}

#[test]
fn closing_others_from_on_closed_ends_in_the_same_turn() {
    let (log, lines) = mpsc::channel();
    let running = serve(|builder| builder, move |_seat| Dominoes { log: log.clone() });
    let mut streams: Vec<_> = (0..3).map(|_| running.connect()).collect();
    let next = || lines.recv_timeout(crate::support::PATIENCE).unwrap();
    while next() != "turn end 3" {}
    streams[1].write_all(b"x").unwrap();
    assert_eq!([next(), next(), next()], ["closed 1", "closed 1", "closed 1"]);
    assert_eq!(next(), "turn end 0");
    assert_eq!(running.server.connection_count(), 0);
}

/// Closes everybody at the end of each turn.
struct Curfew {
    log: mpsc::Sender<&'static str>,
}

impl Service for Curfew {
    type State = ();
    type Post = ();

    fn on_message(&mut self, _connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        input.retrieve_all();
        self.log.send("message").unwrap();
    }

    fn on_closed(&mut self, _connection: &mut Connection<'_, ()>, _reason: CloseReason) {
        self.log.send("closed").unwrap();
    }

    fn on_turn_end(&mut self, connections: &mut Connections<'_, ()>) {
        self.log.send("turn end").unwrap();
        connections.for_each(|connection| {
            if connection.bytes_written() > 0 {
                connection.force_close();
            }
        });
    }

    fn on_connected(&mut self, connection: &mut Connection<'_, ()>) {
        connection.send(b"hello");
    }
}

#[test]
fn the_end_of_a_turn_follows_what_the_end_of_a_turn_closed() {
    let (log, lines) = mpsc::channel();
    let running = serve(|builder| builder, move |_seat| Curfew { log: log.clone() });
    let mut stream = running.connect();
    assert_eq!(read_exactly(&stream, 5), b"hello");
    stream.write_all(b"x").unwrap();
    let next = || lines.recv_timeout(crate::support::PATIENCE).unwrap();
    while next() != "closed" {}
    assert_eq!(next(), "turn end");
}

/// Sends a file of numbers piece by piece, each when the one before is written.
struct Pump;

impl Service for Pump {
    type State = u32;
    type Post = ();

    fn on_connected(&mut self, connection: &mut Connection<'_, u32>) {
        connection.send(&0u32.to_be_bytes());
    }

    fn on_message(&mut self, _connection: &mut Connection<'_, u32>, input: &mut Buffer) {
        input.retrieve_all();
    }

    fn on_write_complete(&mut self, connection: &mut Connection<'_, u32>) {
        *connection.state_mut() += 1;
        let number = *connection.state();
        match number {
            0..10_000 => {
                connection.send(&number.to_be_bytes());
            }
            _ => connection.close_after_flush(),
        }
    }
}

#[test]
fn write_complete_can_send_again_without_nesting_or_sleeping() {
    let running = serve(|builder| builder, |_seat| Pump);
    let bytes = crate::support::read_to_end(&running.connect());
    let numbers: Vec<u32> =
        bytes.chunks_exact(4).map(|four| u32::from_be_bytes(four.try_into().unwrap())).collect();
    assert_eq!(numbers, (0..10_000).collect::<Vec<u32>>());
}
