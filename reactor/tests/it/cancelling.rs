//! Timers that are cancelled on other ways than they were armed.

use crate::support::{PATIENCE, Recording, record, swallow};
use reactor::{ConnectionId, Connections, EventLoop, TimerId};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(2);

/// Runs turns of `event_loop` until a timer armed now, later than all others, has fired.
fn run_out(event_loop: &mut EventLoop) {
    event_loop.run_after(3 * TICK, |event_loop| event_loop.handle().quit());
    event_loop.run().unwrap();
}

#[test]
fn a_loop_cancels_a_timer_whose_letter_it_has_not_read() {
    let mut event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    let once = handle.run_after(TICK, |_| unreachable!("cancelled"));
    let every = handle.run_every(TICK, |_| unreachable!("cancelled"));
    event_loop.cancel(once);
    event_loop.cancel(every);
    run_out(&mut event_loop);
}

#[test]
fn a_letter_cancels_a_due_timer_whose_letter_comes_behind_it() {
    let mut event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    let (sender, receiver) = mpsc::channel::<TimerId>();
    handle.run_in_loop(move |event_loop| event_loop.cancel(receiver.recv().unwrap()));
    let due = handle.run_at(Instant::now(), |_| unreachable!("cancelled"));
    sender.send(due).unwrap();
    run_out(&mut event_loop);
}

#[test]
fn a_service_cancels_timers_that_another_thread_armed() {
    let recording = record(|builder| builder, swallow);
    let handle = recording.running.service_loop();
    for _ in 0..20_000 {
        // The loop may read the post in the turn in which it was too early for the timer.
        let timer = handle.run_after(PATIENCE, |_| ());
        let cancel = Box::new(move |connections: &mut Connections<'_, ()>| {
            connections.cancel(timer);
        });
        recording.running.service().post(cancel).unwrap();
    }
    recording.settle();
    let (sender, receiver) = mpsc::channel();
    handle.run_in_loop(move |event_loop| sender.send(format!("{event_loop:?}")).unwrap());
    let description = receiver.recv_timeout(PATIENCE).unwrap();
    assert!(description.contains("timers: 0"), "{description}");
}

#[test]
fn a_timer_of_another_loop_is_left_alone() {
    let mut event_loop = EventLoop::new().unwrap();
    let mut other = EventLoop::new().unwrap();
    let (sender, receiver) = mpsc::channel();
    let mine = event_loop.run_after(TICK, move |_| sender.send(()).unwrap());
    let theirs = other.run_after(TICK, |_| ());
    assert_ne!(mine, theirs);
    event_loop.cancel(theirs);
    run_out(&mut event_loop);
    assert_eq!(receiver.try_recv(), Ok(()));
}

fn describe(recording: &Recording, id: ConnectionId) -> String {
    recording.on_loop(move |connections| format!("{:?}", connections.get(id).unwrap()))
}

#[test]
fn a_connection_forgets_timers_whoever_cancels_them() {
    let recording = record(|builder| builder, swallow);
    let (_stream, handle) = recording.connect();
    let id = handle.id();
    let [first, second] = recording.on_loop(move |connections| {
        for _ in 0..10 {
            let timer = connections.get(id).unwrap().run_after(PATIENCE, 0);
            connections.cancel(timer);
        }
        [0, 1].map(|tag| connections.get(id).unwrap().run_after(PATIENCE, tag))
    });
    assert!(describe(&recording, id).contains("timers: 2"));
    let remote = recording.running.service_loop();
    remote.cancel(first);
    remote.run_in_loop(move |event_loop| event_loop.cancel(second));
    recording.settle();
    let description = describe(&recording, id);
    assert!(description.contains("timers: 0"), "{description}");
}
