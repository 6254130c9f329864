//! Peers that read slowly.

use crate::support::{Event, echo, read_exactly, record, swallow};
use reactor::{CloseReason, ConnectionOptions, SendStatus};
use std::io::{ErrorKind, Read, Write};

/// More than the kernel takes for a peer that does not read.
const TOO_MUCH: usize = 32 << 20;

const PIECE: usize = 64 << 10;

/// A cap of two pieces.
fn small_cap() -> ConnectionOptions {
    let (low_water, high_water) = (1 << 10, PIECE);
    ConnectionOptions { high_water, low_water, output_cap: 2 * PIECE, ..Default::default() }
}

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
    let recording = record(|builder| builder.connection_options(small_cap()), swallow);
    let (_stream, handle) = recording.connect();
    let id = handle.id();
    let taken = recording.on_loop(move |connections| {
        let mut connection = connections.get(id).unwrap();
        let mut taken = 0;
        while taken < TOO_MUCH && connection.send(&[0; PIECE]) == SendStatus::Queued {
            taken += PIECE;
            assert!(connection.queued_bytes() <= small_cap().output_cap);
        }
        assert_eq!(connection.send(&[0; 1]), SendStatus::Closed);
        taken
    });
    assert!((small_cap().output_cap..TOO_MUCH).contains(&taken), "{taken}");
    assert_eq!(recording.wait_closed(), (id, CloseReason::OutputOverflow));
}

#[test]
fn what_one_turn_produces_for_a_peer_that_reads_may_exceed_the_cap() {
    let recording = record(|builder| builder.connection_options(small_cap()), swallow);
    let (stream, handle) = recording.connect();
    let id = handle.id();
    // Nothing was written to it yet, so the kernel has room for all of this.
    let statuses = recording.on_loop(move |connections| {
        let mut connection = connections.get(id).unwrap();
        [1, 2, 3, 4].map(|piece| connection.send(&[piece; PIECE]))
    });
    assert_eq!(statuses, [SendStatus::Queued; 4]);
    let bytes = read_exactly(&stream, 4 * PIECE);
    assert!(bytes.chunks(PIECE).zip(1..).all(|(piece, number)| piece == [number; PIECE]));
    recording.wait_for("complete", |event| matches!(event, Event::WriteComplete).then_some(()));
    assert!(recording.drain().is_empty(), "told once, and still open");
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
