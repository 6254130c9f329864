//! Callbacks that panic, and what goes on without them.

use crate::support::{PATIENCE, Running, read_exactly, read_to_end, serve, wait_until};
use reactor::{
    Buffer, CallReport, Callback, CloseReason, Connection, Connections, EventLoop, LoopObserver,
    Service, TurnReport,
};
use std::io::Write;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

/// Echoes, and panics where it is told to.
struct Fragile {
    closed: mpsc::Sender<CloseReason>,
}

impl Service for Fragile {
    type State = ();
    type Post = &'static str;

    fn on_message(&mut self, connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        connection.send(input.peek());
        match input.peek() {
            b"message" => panic!("on purpose"),
            b"timer" => {
                connection.run_after(Duration::ZERO, 1);
            }
            b"close" => connection.force_close(),
            _ => {}
        }
        input.retrieve_all();
    }

    fn on_timer(&mut self, _connection: &mut Connection<'_, ()>, _tag: u64) {
        panic!("on purpose");
    }

    fn on_closed(&mut self, _connection: &mut Connection<'_, ()>, reason: CloseReason) {
        self.closed.send(reason).unwrap();
        assert_ne!(reason, CloseReason::Closed, "on purpose");
    }

    fn on_post(&mut self, connections: &mut Connections<'_, ()>, post: &'static str) {
        assert_ne!(post, "panic", "on purpose");
        connections.for_each(|connection| {
            connection.send(post.as_bytes());
        });
    }
}

fn fragile() -> (Running<&'static str>, mpsc::Receiver<CloseReason>) {
    let (sender, closed) = mpsc::channel();
    (serve(|builder| builder, move |_seat| Fragile { closed: sender.clone() }), closed)
}

#[test]
fn a_panic_closes_its_connection_and_nothing_else() {
    let (running, closed) = fragile();
    let mut neighbour = running.connect();
    for (request, reason) in [
        (&b"message"[..], CloseReason::Panicked),
        (b"timer", CloseReason::Panicked),
        (b"close", CloseReason::Closed),
    ] {
        let mut stream = running.connect();
        stream.write_all(request).unwrap();
        assert_eq!(closed.recv_timeout(PATIENCE), Ok(reason), "{request:?}");
        read_to_end(&stream);
        neighbour.write_all(b"alive").unwrap();
        assert_eq!(read_exactly(&neighbour, 5), b"alive");
    }
    wait_until("all are counted", || running.service_loop().stats().panics == 3);
    wait_until("the neighbour is left", || running.server.connection_count() == 1);
}

#[test]
fn a_panic_in_a_post_is_the_end_of_the_post() {
    let (running, _closed) = fragile();
    let mut stream = running.connect();
    stream.write_all(b"x").unwrap();
    assert_eq!(read_exactly(&stream, 1), b"x");
    running.service().post("panic").unwrap();
    running.service().post("after").unwrap();
    assert_eq!(read_exactly(&stream, 5), b"after");
}

/// Remembers what panicked.
#[derive(Default)]
struct Panics(Mutex<Vec<CallReport>>);

impl LoopObserver for Panics {
    fn on_panic(&self, call: &CallReport) {
        self.0.lock().unwrap().push(*call);
    }
}

#[test]
fn tasks_and_timers_panic_for_themselves() {
    let mut event_loop = EventLoop::new().unwrap();
    let panics = Arc::new(Panics::default());
    event_loop.set_observer(panics.clone());
    let (sender, ran) = mpsc::channel();
    let mut beats = 0;
    event_loop.queue_in_loop(|_| panic!("on purpose"));
    event_loop.handle().run_in_loop(|_| panic!("on purpose"));
    event_loop.run_every(Duration::from_millis(1), move |_| {
        beats += 1;
        sender.send(beats).unwrap();
        assert!(beats < 2, "on purpose");
    });
    event_loop.run_after(Duration::from_millis(20), |event_loop| event_loop.handle().quit());
    event_loop.run().unwrap();
    assert_eq!(ran.try_iter().collect::<Vec<_>>(), [1, 2], "it beats no more");
    assert_eq!(event_loop.stats().panics, 3);
    let panics = panics.0.lock().unwrap();
    let callbacks: Vec<_> = panics.iter().map(|call| call.callback).collect();
    assert_eq!(callbacks, [Callback::Task, Callback::Task, Callback::Timer]);
}

/// Remembers what it is told, and panics each time.
#[derive(Default)]
struct Unwell(Mutex<Vec<&'static str>>);

impl Unwell {
    fn note(&self, what: &'static str) {
        self.0.lock().unwrap().push(what);
        panic!("on purpose");
    }
}

impl LoopObserver for Unwell {
    fn on_turn(&self, _turn: &TurnReport) {
        self.note("turn");
    }

    fn on_callback(&self, call: &CallReport) {
        self.note(call.callback.name());
    }

    fn on_panic(&self, _call: &CallReport) {
        self.note("panic");
    }
}

#[test]
fn an_observer_that_panics_changes_nothing() {
    let mut event_loop = EventLoop::new().unwrap();
    let unwell = Arc::new(Unwell::default());
    event_loop.set_observer(unwell.clone());
    event_loop.queue_in_loop(|_| panic!("on purpose"));
    event_loop.queue_in_loop(|event_loop| event_loop.handle().quit());
    event_loop.run().unwrap();
    let stats = event_loop.stats();
    assert_eq!((stats.turns, stats.panics, stats.observer_panics), (1, 1, 4));
    assert_eq!(*unwell.0.lock().unwrap(), ["task", "panic", "task", "turn"]);
    assert!(stats.slowest_callback.is_some() && stats.worked > Duration::ZERO);
}
