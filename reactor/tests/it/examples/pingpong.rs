//! The ping-pong client, against the echo server, others that are none, and nobody.

#[path = "../../../examples/pingpong/main.rs"]
mod example;

use super::echo_example::Echo;
use crate::client_support::refusing;
use crate::support::{Running, record, serve};
use example::tally::Tally;
use example::{Plan, parse, run};
use reactor::{Buffer, Connection};
use std::net::SocketAddr;
use std::time::Duration;

type React = fn(&mut Connection<'_, ()>, &mut Buffer);

/// A block for each of five sessions on two loops.
fn plan(address: SocketAddr) -> Plan {
    Plan { address, loops: 2, sessions: 5, block_bytes: 100_000, duration: Duration::ZERO }
}

/// What the server got and what it sent.
fn bytes(running: &Running<()>) -> [u64; 2] {
    let stats = running.server.loops().iter().map(|handle| handle.stats());
    stats.fold([0; 2], |[read, written], stats| {
        [read + stats.bytes_read, written + stats.bytes_written]
    })
}

#[test]
fn every_session_plays_a_block_on_a_connection_of_its_own() {
    let running = serve(|builder| builder.threads(2), |_seat| Echo);
    let tally = run(plan(running.server.local_addr())).unwrap();
    assert_eq!(tally.blocks(), 5);
    assert_eq!(running.server.stats().accepted, 5);
    assert_eq!(bytes(&running), [500_000; 2]);
    // There are no more loops than sessions.
    let alone = Plan { sessions: 1, ..plan(running.server.local_addr()) };
    assert_eq!(run(alone).unwrap().blocks(), 1);
}

#[test]
fn what_is_counted_in_a_time_is_what_the_server_saw() {
    let running = serve(|builder| builder.threads(2), |_seat| Echo);
    let duration = Duration::from_millis(50);
    let plan = Plan { block_bytes: 1000, duration, ..plan(running.server.local_addr()) };
    let tally = run(plan).unwrap();
    assert!(tally.elapsed >= duration, "{:?}", tally.elapsed);
    assert!(tally.percentile(100) <= tally.elapsed);
    assert_eq!(bytes(&running), [tally.blocks() * 1000; 2]);
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let (_socket, address) = refusing();
    let error = run(plan(address)).err().unwrap().to_string();
    assert!(error.starts_with(&format!("cannot connect to {address}: ")), "{error}");
}

#[test]
fn a_server_that_does_not_send_back_what_it_got_is_found_out() {
    let wrong = |connection: &mut Connection<'_, ()>, input: &mut Buffer| {
        connection.send(&vec![b'?'; input.len()]);
        input.retrieve_all();
    };
    let too_much = |connection: &mut Connection<'_, ()>, input: &mut Buffer| {
        if input.len() == 100_000 {
            connection.send(input.peek());
            connection.send(&[0]);
            input.retrieve_all();
        }
    };
    let what_it_had_not_got = "the server sent what it had not got";
    let cases: [(React, _); 3] = [
        (wrong, what_it_had_not_got),
        (too_much, what_it_had_not_got),
        (|connection, _| connection.shutdown(), "a session ended too early: EndOfStream"),
    ];
    for (react, expected) in cases {
        let recording = record(|builder| builder, react);
        let error = run(plan(recording.running.server.local_addr())).err().unwrap();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn percentiles_are_of_all_blocks() {
    let mut tally = Tally::default();
    assert_eq!(tally.percentile(50), Duration::ZERO);
    for micros in (1..=200).rev() {
        tally.count(Duration::from_micros(micros));
    }
    let mut more = Tally::default();
    (0..100).for_each(|_| more.count(Duration::from_micros(5)));
    tally.add(more);
    let percentiles = [1, 34, 35, 50, 99, 100].map(|percent| tally.percentile(percent).as_micros());
    assert_eq!(tally.blocks(), 300);
    assert_eq!(percentiles, [3, 5, 5, 50, 197, 200]);
}

#[test]
fn arguments_have_defaults_and_no_nonsense() {
    let parse = |text: &str| parse(text.split_whitespace().map(str::to_owned));
    let plan = parse("127.0.0.1:2007 2 30").unwrap();
    assert_eq!((plan.loops, plan.sessions, plan.block_bytes), (2, 30, 16_384));
    assert_eq!((plan.address.port(), plan.duration), (2007, Duration::from_secs(3)));
    let plan = parse("[::1]:1 1 1 8388608 9").unwrap();
    assert_eq!((plan.block_bytes, plan.duration), (8 << 20, Duration::from_secs(9)));
    for nonsense in ["", "localhost", "[::1]:1 0", "[::1]:1 1 -1", "[::1]:1 1 1 8388609"] {
        assert!(parse(nonsense).is_none(), "{nonsense}");
    }
}
