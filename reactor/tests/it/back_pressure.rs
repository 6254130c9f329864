//! Peers that read slowly.

use crate::support::{Event, echo, read_exactly, record, swallow};
use reactor::{CloseReason, ConnectionOptions, SendStatus};
use std::io::{ErrorKind, Read, Write};

/// More than the kernel takes for a peer that does not read.
const TOO_MUCH: usize = 32 << 20;

#[test]
fn high_water_then_low_water_then_complete() {
    let options = ConnectionOptions {
        high_water: 1 << 20,
        low_water: 1 << 10,
        output_cap: usize::MAX,
        ..Default::default()
    };
    let recording = record(|builder| builder.connection_options(options), swallow);
    let (stream, handle) = recording.connect();
    handle.send(vec![1; TOO_MUCH]);
    let queued = recording.wait_for("high water", |event| match event {
        Event::HighWater(queued) => Some(queued),
        _ => None,
    });
    assert!((1 << 20..=TOO_MUCH).contains(&queued));
    handle.send(vec![2; 5]);
    recording.settle();
    assert!(recording.drain().is_empty(), "high water is told once");

    assert_eq!(read_exactly(&stream, TOO_MUCH + 5)[TOO_MUCH..], [2; 5]);
    assert!(matches!(recording.next(), Event::LowWater));
    assert!(matches!(recording.next(), Event::WriteComplete));
}

#[test]
fn small_sends_complete_without_water_marks() {
    let recording = record(|builder| builder, echo);
    let (mut stream, _handle) = recording.connect();
    stream.write_all(b"x").unwrap();
    assert!(matches!(recording.next(), Event::Message(..)));
    assert!(matches!(recording.next(), Event::WriteComplete));
}

#[test]
fn more_than_the_cap_closes() {
    let options = ConnectionOptions { output_cap: 100, ..Default::default() };
    let recording = record(|builder| builder.connection_options(options), swallow);
    let (_stream, handle) = recording.connect();
    let id = handle.id();
    let statuses = recording.on_loop(move |connections| {
        let mut connection = connections.get(id).unwrap();
        [connection.send(&[0; 60]), connection.send(&[0; 60]), connection.send(&[0; 1])]
    });
    assert_eq!(statuses, [SendStatus::Queued, SendStatus::Full, SendStatus::Closed]);
    assert_eq!(recording.wait_closed(), (id, CloseReason::OutputOverflow));
}

#[test]
fn a_peer_that_never_reads_is_cut_off_and_disturbs_nobody() {
    let recording = record(|builder| builder, echo);
    let (_stuck, stuck) = recording.connect();
    let (mut other, _handle) = recording.connect();
    let mut closed = false;
    for _ in 0..TOO_MUCH / (1 << 16) {
        stuck.send(vec![0; 1 << 16]);
        other.write_all(b"ping").unwrap();
        assert_eq!(read_exactly(&other, 4), b"ping");
        closed |= recording.drain().iter().any(|event| match event {
            Event::Closed(id, reason) => {
                assert_eq!((*id, *reason), (stuck.id(), CloseReason::OutputOverflow));
                true
            }
            _ => false,
        });
    }
    assert!(closed, "cut off at the cap");
    assert_eq!(recording.running.server.connection_count(), 1);
}

#[test]
fn unread_input_beyond_the_cap_closes() {
    let options = ConnectionOptions { input_cap: 1000, ..Default::default() };
    let recording = record(|builder| builder.connection_options(options), |_, _| ());
    let (mut stream, handle) = recording.connect();
    stream.write_all(&[0; 2000]).unwrap();
    assert_eq!(recording.wait_closed(), (handle.id(), CloseReason::InputOverflow));
    match stream.read(&mut [0; 1]) {
        Ok(count) => assert_eq!(count, 0),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
}
