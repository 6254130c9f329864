//! Timers of loops, services and connections.

use crate::support::{Event, PATIENCE, record, swallow};
use reactor::{Buffer, Connection, EventLoop, EventLoopThread, Service, TcpServer, TimerId};
use std::cell::{Cell, RefCell};
use std::net::TcpStream;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(5);

#[test]
fn timers_fire_in_order_and_not_early() {
    let mut event_loop = EventLoop::new().unwrap();
    let start = Instant::now();
    let log = Rc::new(RefCell::new(Vec::new()));
    for (delay, name) in [(3, "c"), (1, "a"), (2, "b"), (3, "d")] {
        let log = log.clone();
        event_loop.run_at(start + delay * TICK, move |event_loop| {
            assert!(event_loop.now() >= start + delay * TICK);
            log.borrow_mut().push(name);
            if name == "d" {
                event_loop.handle().quit();
            }
        });
    }
    event_loop.run().unwrap();
    assert_eq!(*log.borrow(), ["a", "b", "c", "d"]);
}

#[test]
fn a_timer_cancels_another_of_the_same_batch() {
    let mut event_loop = EventLoop::new().unwrap();
    let due = Instant::now();
    let victim: Rc<Cell<Option<TimerId>>> = Rc::default();
    let known = victim.clone();
    event_loop.run_at(due, move |event_loop| event_loop.cancel(known.get().unwrap()));
    victim.set(Some(event_loop.run_at(due, |_| unreachable!("cancelled"))));
    event_loop.run_at(due, |event_loop| event_loop.handle().quit());
    event_loop.run().unwrap();
    assert_eq!(event_loop.stats().timers, 2);
}

#[test]
fn a_repeating_timer_keeps_its_rhythm_and_can_cancel_itself() {
    let mut event_loop = EventLoop::new().unwrap();
    let start = Instant::now();
    let beats = Rc::new(Cell::new(0));
    let id: Rc<Cell<Option<TimerId>>> = Rc::default();
    let (count, own) = (beats.clone(), id.clone());
    id.set(Some(event_loop.run_every(TICK, move |event_loop| {
        count.set(count.get() + 1);
        // Slower than half a beat; a rhythm that drifts would lose time by this.
        thread::sleep(TICK / 2);
        if count.get() == 8 {
            event_loop.cancel(own.get().unwrap());
            event_loop.run_after(3 * TICK, |event_loop| event_loop.handle().quit());
        }
    })));
    event_loop.run().unwrap();
    assert_eq!(beats.get(), 8);
    assert!(start.elapsed() >= 11 * TICK);
}

#[test]
fn zero_delays_repeated_do_not_starve_the_loop() {
    let mut event_loop = EventLoop::new().unwrap();
    fn again(event_loop: &mut EventLoop) {
        event_loop.run_after(Duration::ZERO, again);
    }
    again(&mut event_loop);
    let handle = event_loop.handle();
    let quitter = thread::spawn(move || handle.quit());
    event_loop.run().unwrap();
    quitter.join().unwrap();
}

#[test]
fn other_threads_arm_and_cancel_timers() {
    let worker = EventLoopThread::start("timers", |_| ()).unwrap();
    let handle = worker.handle();
    let (sender, receiver) = mpsc::channel();
    let once = sender.clone();
    handle.run_after(TICK, move |_| once.send("once").unwrap());
    assert_eq!(receiver.recv_timeout(PATIENCE), Ok("once"));

    let cancelled = handle.run_after(TICK, |_| unreachable!("cancelled in time"));
    handle.cancel(cancelled);
    handle.cancel(cancelled);

    let every = sender.clone();
    let repeating = handle.run_every(TICK, move |_| every.send("every").unwrap());
    for _ in 0..3 {
        assert_eq!(receiver.recv_timeout(PATIENCE), Ok("every"));
    }
    handle.cancel(repeating);
    handle.run_after(3 * TICK, move |_| sender.send("end").unwrap());
    while receiver.recv_timeout(PATIENCE).unwrap() != "end" {}
    assert!(receiver.try_recv().is_err());
}

#[test]
fn timers_armed_before_run_fire() {
    let mut event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    let far =
        thread::spawn(move || handle.run_after(TICK, |event_loop| event_loop.handle().quit()));
    far.join().unwrap();
    event_loop.run().unwrap();
}

#[test]
fn a_connection_timer_fires_with_its_tag() {
    let recording = record(|builder| builder, swallow);
    let (_stream, handle) = recording.connect();
    let id = handle.id();
    recording.on_loop(move |connections| {
        let mut connection = connections.get(id).unwrap();
        let cancelled = connection.run_after(TICK, 1);
        connection.run_after(TICK, 2);
        connection.cancel(cancelled);
        connections.run_after(2 * TICK, 3);
        let cancelled = connections.run_after(2 * TICK, 4);
        connections.cancel(cancelled);
        connections.run_after(3 * TICK, 5);
    });
    assert!(matches!(recording.next(), Event::Timer(2)));
    assert!(matches!(recording.next(), Event::ServiceTimer(3)));
    assert!(matches!(recording.next(), Event::ServiceTimer(5)));
}

#[test]
fn a_connection_timer_dies_with_its_connection() {
    let recording = record(|builder| builder, swallow);
    let (stream, handle) = recording.connect();
    let id = handle.id();
    recording.on_loop(move |connections| {
        connections.get(id).unwrap().run_after(2 * TICK, 1);
        connections.run_after(4 * TICK, 2);
        connections.get(id).unwrap().force_close();
    });
    recording.wait_closed();
    // Takes the same slot, and must not inherit the timer.
    let (_next, _handle) = recording.connect();
    assert!(matches!(recording.next(), Event::ServiceTimer(2)));
    drop(stream);
}

/// Gives every connection a timer that is due long after it is gone.
struct Patient;

impl Service for Patient {
    type State = ();
    type Post = ();

    fn on_connected(&mut self, connection: &mut Connection<'_, ()>) {
        connection.run_after(Duration::from_secs(3600), 0);
    }

    fn on_message(&mut self, _connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        input.retrieve_all();
    }
}

#[test]
fn closed_connections_leave_no_timers_behind() {
    let mut event_loop = EventLoop::new().unwrap();
    let server = TcpServer::builder("127.0.0.1:0".parse().unwrap())
        .start(&mut event_loop, |_seat| Patient)
        .unwrap();
    let stream = TcpStream::connect(server.local_addr()).unwrap();
    while event_loop.stats().connections == 0 {
        event_loop.run_once(Some(PATIENCE)).unwrap();
    }
    assert!(format!("{event_loop:?}").contains("timers: 1"), "{event_loop:?}");
    drop(stream);
    while event_loop.stats().connections > 0 {
        event_loop.run_once(Some(PATIENCE)).unwrap();
    }
    assert!(format!("{event_loop:?}").contains("timers: 0"), "{event_loop:?}");
}
