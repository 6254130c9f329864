//! One direction ends, the other goes on.

use crate::support::{Event, PATIENCE, echo, read_exactly, read_to_end, record, serve, swallow};
use reactor::{Buffer, CloseReason, Connection, ConnectionOptions, Service};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::Duration;

#[test]
fn all_is_answered_before_the_end_is() {
    let recording = record(|builder| builder, echo);
    let (mut stream, handle) = recording.connect();
    stream.write_all(b"last words").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&stream), b"last words");
    assert_eq!(recording.wait_closed(), (handle.id(), CloseReason::EndOfStream));
}

#[test]
fn after_shutdown_the_peer_may_go_on_sending() {
    let recording = record(|builder| builder, swallow);
    let (mut stream, handle) = recording.connect();
    handle.send(&b"bye"[..]);
    handle.shutdown();
    handle.send(&b"too late"[..]);
    assert_eq!(read_to_end(&stream), b"bye");
    stream.write_all(b"one more thing").unwrap();
    recording.wait_for("message", |event| match event {
        Event::Message(_, bytes) if bytes == b"one more thing" => Some(()),
        _ => None,
    });
    drop(stream);
    assert_eq!(recording.wait_closed(), (handle.id(), CloseReason::EndOfStream));
}

#[test]
fn a_service_may_go_on_sending_after_the_peers_end() {
    /// Answers the end of the stream later, from a timer.
    struct Late;
    impl Service for Late {
        type State = ();
        type Post = ();
        fn on_message(&mut self, _connection: &mut Connection<'_, ()>, input: &mut Buffer) {
            input.retrieve_all();
        }
        fn on_end_of_stream(&mut self, connection: &mut Connection<'_, ()>) {
            connection.send(b"first ");
            connection.run_after(Duration::from_millis(1), 7);
        }
        fn on_timer(&mut self, connection: &mut Connection<'_, ()>, tag: u64) {
            assert_eq!(tag, 7);
            connection.send(b"second");
            connection.shutdown();
        }
    }
    let running = serve(|builder| builder, |_seat| Late);
    let stream = running.connect();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&stream), b"first second");
}

#[test]
fn close_after_flush_sends_what_is_queued() {
    let recording = record(
        |builder| builder,
        |connection, _input| {
            connection.send(&[b'x'; 3_000_000]);
            connection.close_after_flush();
        },
    );
    let (mut stream, handle) = recording.connect();
    stream.write_all(b"?").unwrap();
    assert_eq!(read_to_end(&stream).len(), 3_000_000);
    assert_eq!(recording.wait_closed(), (handle.id(), CloseReason::Closed));
}

#[test]
fn close_after_flush_is_no_reset_when_input_waits() {
    let recording = record(|builder| builder, swallow);
    let (mut stream, handle) = recording.connect();
    let release = recording.hold_loop();
    handle.send(&b"refused"[..]);
    handle.close_after_flush();
    stream.write_all(&[b'x'; 100_000]).unwrap();
    release.send(()).unwrap();
    assert_eq!(read_to_end(&stream), b"refused");
    recording.wait_closed();
    let messages =
        recording.drain().into_iter().filter(|event| matches!(event, Event::Message(..)));
    assert_eq!(messages.count(), 0, "input is not offered any more");
}

#[test]
fn close_after_flush_is_no_reset_even_when_more_input_waits_than_a_turn_reads() {
    let options = ConnectionOptions { read_budget: 1, ..Default::default() };
    let recording = record(|builder| builder.connection_options(options), swallow);
    let (mut stream, handle) = recording.connect();
    let release = recording.hold_loop();
    handle.send(&b"refused"[..]);
    handle.close_after_flush();
    stream.write_all(&[b'x'; 300_000]).unwrap();
    release.send(()).unwrap();
    assert_eq!(read_to_end(&stream), b"refused");
}

#[test]
fn a_peer_that_does_not_end_is_cut_after_the_timeout() {
    let options = ConnectionOptions {
        closing_timeout: Some(Duration::from_millis(30)),
        ..Default::default()
    };
    let recording = record(|builder| builder.connection_options(options), swallow);
    let (stream, handle) = recording.connect();
    handle.shutdown();
    assert_eq!(recording.wait_closed(), (handle.id(), CloseReason::ClosingTimeout));
    drop(stream);
}

#[test]
fn force_close_drops_what_is_queued() {
    let recording = record(|builder| builder, swallow);
    let (mut stream, handle) = recording.connect();
    let release = recording.hold_loop();
    handle.send(&b"never sent"[..]);
    handle.force_close();
    release.send(()).unwrap();
    assert_eq!(recording.wait_closed(), (handle.id(), CloseReason::Closed));
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0);
}

#[test]
fn an_end_right_behind_the_bytes_is_not_missed() {
    let recording = record(|builder| builder, echo);
    for _ in 0..200 {
        let (mut stream, _handle) = recording.connect();
        let release = recording.hold_loop();
        stream.write_all(b"x").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        release.send(()).unwrap();
        assert_eq!(read_exactly(&stream, 1), b"x");
        assert_eq!(recording.wait_closed().1, CloseReason::EndOfStream);
    }
}
