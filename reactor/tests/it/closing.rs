//! Connections that break.

use crate::support::{Event, echo, record, reset, swallow};
use reactor::{CloseReason, SendStatus};
use std::io::{ErrorKind, Write};

#[test]
fn a_reset_closes_with_its_reason() {
    let recording = record(|builder| builder, echo);
    let (stream, handle) = recording.connect();
    reset(stream);
    let reason = CloseReason::Error(ErrorKind::ConnectionReset);
    assert_eq!(recording.wait_closed(), (handle.id(), reason));
}

#[test]
fn a_reset_is_seen_at_once_while_reading_is_stopped() {
    let recording = record(|builder| builder, swallow);
    let (mut stream, handle) = recording.connect();
    let id = handle.id();
    recording.on_loop(move |connections| connections.get(id).unwrap().stop_reading());
    stream.write_all(b"never read").unwrap();
    reset(stream);
    let reason = CloseReason::Error(ErrorKind::ConnectionReset);
    assert_eq!(recording.wait_closed(), (id, reason));
}

#[test]
fn a_reset_is_seen_while_output_is_stuck() {
    let recording = record(|builder| builder, swallow);
    let (stream, handle) = recording.connect();
    handle.send(vec![0; 8 << 20]);
    handle.close_after_flush();
    recording.settle();
    reset(stream);
    assert!(matches!(recording.wait_closed().1, CloseReason::Error(_)));
}

#[test]
fn closed_comes_once_and_last() {
    let recording = record(
        |builder| builder,
        |connection, input| {
            connection.force_close();
            connection.force_close();
            connection.shutdown();
            connection.close_after_flush();
            assert_eq!(connection.send(b"x"), SendStatus::Closed);
            assert!(connection.connections().is_empty());
            let id = connection.id();
            assert!(connection.connections().get(id).is_none());
            input.retrieve_all();
        },
    );
    let (mut stream, handle) = recording.connect();
    stream.write_all(b"x").unwrap();
    assert!(matches!(recording.next(), Event::Message(..)));
    assert_eq!(recording.wait_closed(), (handle.id(), CloseReason::Closed));
    recording.settle();
    assert!(recording.drain().is_empty());
    assert_eq!(recording.running.server.connection_count(), 0);
}
