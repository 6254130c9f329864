//! Connections of which nothing is heard, and those that are to end by themselves.

use crate::support::{Event, Recording, echo, read_exactly, read_to_end, record, swallow};
use reactor::{CloseReason, ConnectionOptions, Deadline};
use std::io::Write;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(150);
/// Well within [`SHORT`], with room for a machine that is busy.
const BEAT: Duration = Duration::from_millis(15);

fn with(options: ConnectionOptions) -> Recording {
    record(move |builder| builder.connection_options(options), echo)
}

fn expect(recording: &Recording, deadline: Deadline) {
    assert_eq!(recording.wait_closed().1, CloseReason::Timeout(deadline));
}

#[test]
fn an_idle_connection_is_closed_and_not_before_its_time() {
    let recording = with(ConnectionOptions { idle_timeout: Some(SHORT), ..Default::default() });
    let connected = Instant::now();
    let (stream, _) = recording.connect();
    expect(&recording, Deadline::Idle);
    assert!(connected.elapsed() + Duration::from_millis(2) >= SHORT);
    assert_eq!(read_to_end(&stream), b"");
}

#[test]
fn one_that_talks_is_kept_while_its_silent_neighbour_goes() {
    let recording = with(ConnectionOptions { idle_timeout: Some(SHORT), ..Default::default() });
    let (_silent, silent) = recording.connect();
    let (mut talker, _) = recording.connect();
    let start = Instant::now();
    while start.elapsed() < SHORT * 2 {
        talker.write_all(b"x").unwrap();
        assert_eq!(read_exactly(&talker, 1), b"x");
        std::thread::sleep(BEAT);
    }
    let closed = recording.wait_closed();
    assert_eq!(closed, (silent.id(), CloseReason::Timeout(Deadline::Idle)));
    talker.write_all(b"y").unwrap();
    assert_eq!(read_exactly(&talker, 1), b"y");
}

#[test]
fn a_read_deadline_rests_while_reading_is_stopped() {
    let recording = with(ConnectionOptions { read_timeout: Some(SHORT), ..Default::default() });
    let (mut stream, handle) = recording.connect();
    let id = handle.id();
    recording.on_loop(move |connections| connections.get(id).unwrap().stop_reading());
    std::thread::sleep(SHORT * 2);
    stream.write_all(b"kept").unwrap();
    recording.on_loop(move |connections| connections.get(id).unwrap().start_reading());
    assert_eq!(read_exactly(&stream, 4), b"kept");
    expect(&recording, Deadline::Read);
}

#[test]
fn a_peer_that_reads_nothing_is_given_up() {
    let recording = with(ConnectionOptions { write_timeout: Some(SHORT), ..Default::default() });
    let (_stream, handle) = recording.connect();
    // More than the kernel takes.
    handle.send(vec![0; 7 << 20]);
    expect(&recording, Deadline::Write);
}

#[test]
fn a_deadline_can_be_chosen_and_taken_back_for_one_connection() {
    let recording = record(|builder| builder, swallow);
    let (_hurried, hurried) = recording.connect();
    let (_patient, patient) = recording.connect();
    let (first, second) = (hurried.id(), patient.id());
    recording.on_loop(move |connections| {
        connections.get(second).unwrap().set_idle_timeout(Some(SHORT));
        connections.get(first).unwrap().set_idle_timeout(Some(SHORT * 2));
        connections.get(second).unwrap().set_idle_timeout(None);
    });
    assert_eq!(recording.wait_closed(), (first, CloseReason::Timeout(Deadline::Idle)));
    assert_eq!(recording.on_loop(move |connections| connections.len()), 1);
}

#[test]
fn a_forced_close_may_be_put_off() {
    let recording = record(|builder| builder, echo);
    let (mut stream, handle) = recording.connect();
    let id = handle.id();
    recording.on_loop(move |connections| {
        connections.get(id).unwrap().force_close_after(SHORT);
    });
    stream.write_all(b"still here").unwrap();
    assert_eq!(read_exactly(&stream, 10), b"still here");
    assert_eq!(recording.wait_closed(), (id, CloseReason::Closed));
    assert!(!recording.drain().iter().any(|event| matches!(event, Event::Closed(..))));
}
