//! The timing wheel, turned by a test and by its own timer.

#[path = "../../../examples/idle_wheel.rs"]
mod example;

use crate::support::{PATIENCE, Running, read_exactly, read_to_end, serve, wait_until};
use example::IdleWheel;
use reactor::{Buffer, CloseReason, Connection, ConnectionId, Connections, Service};
use std::io::Write;
use std::net::TcpStream;
use std::sync::mpsc;
use std::time::{Duration, Instant};

const TICKS: usize = 5;

/// A wheel that turns by a post for each tick, and tells at which tick a connection closed.
struct TurnedByHand {
    wheel: IdleWheel,
    closed: mpsc::Sender<(ConnectionId, usize)>,
}

impl Service for TurnedByHand {
    type State = usize;
    type Post = ();

    fn on_connected(&mut self, connection: &mut Connection<'_, usize>) {
        self.wheel.on_connected(connection);
        connection.send(&connection.id().as_u64().to_be_bytes());
    }

    fn on_message(&mut self, connection: &mut Connection<'_, usize>, input: &mut Buffer) {
        self.wheel.on_message(connection, input);
    }

    fn on_post(&mut self, connections: &mut Connections<'_, usize>, (): ()) {
        self.wheel.turn(connections);
    }

    fn on_closed(&mut self, connection: &mut Connection<'_, usize>, _reason: CloseReason) {
        self.closed.send((connection.id(), self.wheel.now)).unwrap();
    }
}

struct Wheel {
    running: Running<()>,
    closed: mpsc::Receiver<(ConnectionId, usize)>,
}

impl Wheel {
    fn new() -> Self {
        let (sender, closed) = mpsc::channel();
        let running = serve(
            |builder| builder,
            move |_seat| TurnedByHand {
                wheel: IdleWheel::new(Duration::MAX, TICKS),
                closed: sender.clone(),
            },
        );
        Self { running, closed }
    }

    fn connect(&self) -> (TcpStream, ConnectionId) {
        let stream = self.running.connect();
        let id = u64::from_be_bytes(read_exactly(&stream, 8).try_into().unwrap());
        (stream, ConnectionId::from_u64(id))
    }

    /// Turns it a number of ticks, in each of which a message of `talker` comes.
    fn turn(&self, ticks: usize, talker: &mut TcpStream) {
        for _ in 0..ticks {
            // Before the byte that is sent after it.
            self.running.service().post(()).unwrap();
            talker.write_all(b"x").unwrap();
            assert_eq!(read_exactly(talker, 1), b"x");
        }
    }

    fn next_closed(&self) -> (ConnectionId, usize) {
        self.closed.recv_timeout(PATIENCE).expect("a close in time")
    }
}

#[test]
fn the_idle_go_after_so_many_whole_ticks_and_the_active_stay() {
    let wheel = Wheel::new();
    let ((mut talker, talker_id), (mut once, once_id)) = (wheel.connect(), wheel.connect());
    let (silent, silent_id) = wheel.connect();
    wheel.turn(2, &mut talker);
    once.write_all(b"once").unwrap();
    assert_eq!(read_exactly(&once, 4), b"once");
    wheel.turn(3 * TICKS, &mut talker);
    assert_eq!(wheel.next_closed(), (silent_id, TICKS + 1));
    assert_eq!(wheel.next_closed(), (once_id, 2 + TICKS + 1));
    assert_eq!([read_to_end(&silent), read_to_end(&once)], [b"", b""]);
    // It is idle from now on, while somebody else talks.
    let (mut other, _) = wheel.connect();
    wheel.turn(TICKS + 1, &mut other);
    assert_eq!(wheel.next_closed(), (talker_id, 2 + 3 * TICKS + TICKS + 1));
}

#[test]
fn a_newcomer_is_not_taken_for_one_that_has_gone() {
    let wheel = Wheel::new();
    let ((mut talker, _), (gone, gone_id)) = (wheel.connect(), wheel.connect());
    wheel.turn(2, &mut talker);
    drop(gone);
    assert_eq!(wheel.next_closed(), (gone_id, 2));
    let (newcomer, newcomer_id) = wheel.connect();
    wheel.turn(TICKS + 1, &mut talker);
    assert_eq!(wheel.next_closed(), (newcomer_id, 2 + TICKS + 1));
    assert_eq!(read_to_end(&newcomer), b"");
}

#[test]
fn one_timer_turns_it_for_all_and_rests_when_they_have_gone() {
    const TICK: Duration = Duration::from_millis(10);
    let running = serve(|builder| builder, |_seat| IdleWheel::new(TICK, TICKS));
    let stats = || running.service_loop().stats();
    for _ in 0..2 {
        let (begin, before) = (Instant::now(), stats().timers);
        let streams: Vec<_> = (0..10).map(|_| running.connect()).collect();
        for stream in streams {
            assert_eq!(read_to_end(&stream), b"");
        }
        wait_until("it rests", || stats().timers_waiting == 0);
        let (turns, elapsed) = (stats().timers - before, begin.elapsed());
        assert!(turns > TICKS as u64, "{turns}");
        assert!(TICK * turns as u32 <= elapsed, "{turns} in {elapsed:?}");
    }
}
