//! Stopping to read, and starting again.

use crate::support::{Event, PATIENCE, Recording, record, serve, swallow};
use reactor::{Buffer, CloseReason, Connection, ConnectionId, Connections, Service};
use std::io::Write;
use std::net::Shutdown;
use std::sync::{Mutex, mpsc};

fn stop(recording: &Recording, id: ConnectionId) {
    recording.on_loop(move |connections| connections.get(id).unwrap().stop_reading());
}

fn start(recording: &Recording, id: ConnectionId) {
    recording.on_loop(move |connections| connections.get(id).unwrap().start_reading());
}

#[test]
fn what_comes_while_stopped_is_read_after_the_start() {
    let recording = record(|builder| builder, swallow);
    let (mut stream, handle) = recording.connect();
    stop(&recording, handle.id());
    stream.write_all(b"patience").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    recording.settle();
    assert!(recording.drain().is_empty());
    start(&recording, handle.id());
    assert!(matches!(recording.next(), Event::Message(_, bytes) if bytes == b"patience"));
    assert!(matches!(recording.next(), Event::EndOfStream));
    assert_eq!(recording.wait_closed().1, CloseReason::EndOfStream);
}

#[test]
fn unread_bytes_are_offered_again_without_new_ones() {
    // Takes one byte, then stops.
    let recording = record(
        |builder| builder,
        |connection, input| {
            input.retrieve(1);
            connection.stop_reading();
        },
    );
    let (mut stream, handle) = recording.connect();
    stream.write_all(b"abc").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    for expected in [&b"abc"[..], b"bc", b"c"] {
        assert!(matches!(recording.next(), Event::Message(_, bytes) if bytes == expected));
        recording.settle();
        assert!(recording.drain().is_empty(), "stopped");
        start(&recording, handle.id());
    }
    assert!(matches!(recording.next(), Event::EndOfStream));
    recording.wait_closed();
}

#[test]
fn the_end_follows_bytes_that_stay_unread() {
    let recording = record(|builder| builder, |_, _| ());
    let (mut stream, _handle) = recording.connect();
    stream.write_all(b"half a mess").unwrap();
    assert!(matches!(recording.next(), Event::Message(..)));
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(matches!(recording.next(), Event::EndOfStream));
    assert_eq!(recording.wait_closed().1, CloseReason::EndOfStream);
}

#[test]
fn stop_and_start_in_one_callback_keeps_reading() {
    let recording = record(
        |builder| builder,
        |connection, input| {
            connection.stop_reading();
            connection.start_reading();
            input.retrieve(1);
        },
    );
    let (mut stream, _handle) = recording.connect();
    stream.write_all(b"abc").unwrap();
    for expected in [&b"abc"[..], b"bc", b"c"] {
        assert!(matches!(recording.next(), Event::Message(_, bytes) if bytes == expected));
    }
    stream.write_all(b"d").unwrap();
    assert!(matches!(recording.next(), Event::Message(_, bytes) if bytes == b"d"));
}

#[test]
fn a_neighbour_can_stop_and_start_a_connection() {
    let recording = record(
        |builder| builder,
        |connection, input| {
            let id = connection.id();
            let bytes = input.peek().to_vec();
            input.retrieve_all();
            let mut connections = connection.connections();
            for other in connections.ids().into_iter().filter(|other| *other != id) {
                let mut other = connections.get(other).unwrap();
                match &bytes[..] {
                    b"stop" => other.stop_reading(),
                    b"start" => other.start_reading(),
                    _ => {}
                }
            }
        },
    );
    let (mut boss, _boss_handle) = recording.connect();
    let (mut other, other_handle) = recording.connect();
    boss.write_all(b"stop").unwrap();
    assert!(matches!(recording.next(), Event::Message(..)));
    other.write_all(b"held").unwrap();
    recording.settle();
    assert!(recording.drain().is_empty());
    boss.write_all(b"start").unwrap();
    assert!(matches!(recording.next(), Event::Message(_, bytes) if bytes == b"start"));
    match recording.next() {
        Event::Message(id, bytes) => {
            assert_eq!((id, &bytes[..]), (other_handle.id(), &b"held"[..]));
        }
        other => panic!("{other:?}"),
    }
}

/// Tells of posts and bytes in the order it sees them.
struct Order(mpsc::Sender<u64>);

impl Service for Order {
    type State = ();
    type Post = u64;

    fn on_message(&mut self, _connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        while let Some(number) = input.read_u64() {
            self.0.send(number).unwrap();
        }
    }

    fn on_post(&mut self, _connections: &mut Connections<'_, ()>, post: u64) {
        self.0.send(post).unwrap();
    }
}

#[test]
fn a_post_is_seen_before_bytes_sent_after_it() {
    let (sender, receiver) = mpsc::channel();
    let running = serve(|builder| builder.threads(1), move |_seat| Order(sender.clone()));
    let mut stream = running.connect();
    let service = running.service();
    let rounds = 20_000u64;
    for round in 0..rounds {
        service.post(2 * round).unwrap();
        stream.write_all(&(2 * round + 1).to_be_bytes()).unwrap();
    }
    // A post may overtake bytes sent before it, never the other way round.
    let mut posts_seen = 0;
    for number in receiver.iter().take(2 * rounds as usize) {
        match number % 2 {
            0 => posts_seen = number / 2 + 1,
            _ => assert!(number / 2 < posts_seen, "byte {number} before its post"),
        }
    }
}

#[test]
fn a_post_made_in_the_middle_of_a_turn_is_seen_before_bytes_sent_after_it() {
    let (log, lines) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let (released, messages) = (Mutex::new(released), log.clone());
    let recording = record(
        |builder| builder,
        move |_connection, input| {
            messages.send(String::from_utf8(input.peek().to_vec()).unwrap()).unwrap();
            input.retrieve_all();
            // Each message waits until the test has done something meanwhile.
            released.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        },
    );
    let streams = [recording.connect(), recording.connect()];
    let held = recording.hold_loop();
    for (stream, _) in &streams {
        (&*stream).write_all(b"early").unwrap();
    }
    held.send(()).unwrap();
    assert_eq!(lines.recv_timeout(PATIENCE).unwrap(), "early");
    let Event::Message(first, _) = recording.next() else { panic!("a message first") };
    // The other connection is in the same batch, not yet read from.
    let (other, _) = streams.iter().find(|(_, handle)| handle.id() != first).unwrap();
    let post = Box::new(move |_: &mut Connections<'_, ()>| log.send("post".into()).unwrap());
    recording.running.service().post(post).unwrap();
    (&*other).write_all(b" late").unwrap();
    release.send(()).unwrap();
    assert_eq!(lines.recv_timeout(PATIENCE).unwrap(), "post");
    assert_eq!(lines.recv_timeout(PATIENCE).unwrap(), "early late");
    release.send(()).unwrap();
}
