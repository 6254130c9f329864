//! Nobody waits longer than the turns of the others take.

use crate::support::{Event, PATIENCE, echo, read_exactly, record, serve};
use reactor::{Buffer, Connection, ConnectionId, ConnectionOptions, Connections, Seat, Service};
use std::collections::HashMap;
use std::io::{ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

/// One read.
const BUDGET: usize = 64 << 10;
/// More than the events that a loop fetches at first.
const LOUD: usize = 40;

/// Tells what each connection had sent when the quiet one was heard.
struct Listener {
    heard: HashMap<ConnectionId, usize>,
    quiet: mpsc::Sender<Vec<usize>>,
}

impl Service for Listener {
    type State = ();
    type Post = Box<dyn FnOnce() + Send>;

    fn on_message(&mut self, connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        if input.peek() == b"quiet" {
            self.quiet.send(self.heard.values().copied().collect()).unwrap();
        } else {
            *self.heard.entry(connection.id()).or_default() += input.len();
        }
        input.retrieve_all();
    }

    fn on_post(&mut self, _connections: &mut Connections<'_, ()>, wait: Self::Post) {
        wait();
    }
}

/// Sends as much as the kernel takes, up to a megabyte.
fn shout(mut stream: &TcpStream) {
    stream.set_nonblocking(true).unwrap();
    let mut sent = 0;
    while sent < 1 << 20 {
        match stream.write(&[b'l'; BUDGET]) {
            Ok(count) => sent += count,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                break;
            }
        }
    }
}

#[test]
fn a_quiet_connection_behind_many_loud_ones_is_heard_after_a_few_turns() {
    let (sender, quiet_heard) = mpsc::channel();
    let options = ConnectionOptions { read_budget: BUDGET, ..Default::default() };
    let running = serve(
        |builder| builder.threads(1).connection_options(options),
        move |_seat| Listener { heard: HashMap::new(), quiet: sender.clone() },
    );
    let loud: Vec<_> = (0..LOUD).map(|_| running.connect()).collect();
    let mut quiet = running.connect();
    crate::support::wait_until("all connected", || {
        running.service_loop().stats().connections == LOUD as u64 + 1
    });
    let (release, released) = mpsc::channel::<()>();
    let wait = Box::new(move || {
        let _dropped = released.recv_timeout(PATIENCE);
    });
    running.service().post(wait).unwrap();
    loud.iter().for_each(shout);
    quiet.write_all(b"quiet").unwrap();
    drop(release);
    let heard = quiet_heard.recv_timeout(PATIENCE).unwrap();
    // 16 events in the first turn and 32 in the second; in each, a read of those before. More than
    // that waits in front of the loop.
    assert!(heard.iter().all(|&bytes| bytes <= 2 * BUDGET), "{heard:?}");
    assert!(!heard.is_empty(), "the loud ones come first");
}

#[test]
fn old_connections_are_served_in_a_storm_of_new_ones() {
    let recording = record(|builder| builder, echo);
    let (mut old, _handle) = recording.connect();
    let release = recording.hold_loop();
    let _new: Vec<_> = (0..200).map(|_| recording.running.connect()).collect();
    old.write_all(b"x").unwrap();
    release.send(()).unwrap();
    let mut accepted_before = 0;
    while !matches!(recording.next(), Event::Message(..)) {
        accepted_before += 1;
    }
    assert!(accepted_before <= 64, "{accepted_before} came first");
    assert_eq!(read_exactly(&old, 1), b"x");
}

/// Posts to itself for every post that it gets.
struct Restless {
    seat: Seat<()>,
}

impl Service for Restless {
    type State = ();
    type Post = ();

    fn on_message(&mut self, connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        connection.send(input.peek());
        input.retrieve_all();
    }

    fn on_post(&mut self, _connections: &mut Connections<'_, ()>, _post: ()) {
        // Refused when the server stops.
        let _ended = self.seat.handles[0].post(());
    }
}

#[test]
fn a_service_that_posts_to_itself_for_ever_starves_nobody() {
    let mut running = serve(|builder| builder.threads(1), |seat| Restless { seat });
    for _ in 0..3 {
        running.service().post(()).unwrap();
    }
    let mut stream = running.connect();
    for _ in 0..100 {
        stream.write_all(b"turn").unwrap();
        assert_eq!(read_exactly(&stream, 4), b"turn");
    }
    running.server.stop(Duration::from_millis(20));
    assert_eq!(running.server.connection_count(), 0);
}

/// Sends more to who asked for it, for every piece that is written.
struct Generous;

impl Service for Generous {
    type State = bool;
    type Post = ();

    fn on_message(&mut self, connection: &mut Connection<'_, bool>, input: &mut Buffer) {
        *connection.state_mut() |= input.peek() == b"more";
        connection.send(input.peek());
        input.retrieve_all();
    }

    fn on_write_complete(&mut self, connection: &mut Connection<'_, bool>) {
        if *connection.state() {
            connection.send(&[0; BUDGET]);
        }
    }
}

#[test]
fn a_peer_that_takes_all_there_is_starves_nobody() {
    let running = serve(|builder| builder.threads(1), |_seat| Generous);
    let mut greedy = running.connect();
    greedy.write_all(b"more").unwrap();
    let mut taking = greedy.try_clone().unwrap();
    let taker = std::thread::spawn(move || std::io::copy(&mut taking, &mut std::io::sink()));
    let mut modest = running.connect();
    let flows = || running.service_loop().stats().bytes_written > BUDGET as u64;
    crate::support::wait_until("it flows", flows);
    for _ in 0..100 {
        modest.write_all(b"turn").unwrap();
        assert_eq!(read_exactly(&modest, 4), b"turn");
    }
    greedy.shutdown(Shutdown::Both).unwrap();
    // The end comes in the middle of a piece.
    let _reset = taker.join().unwrap();
}
