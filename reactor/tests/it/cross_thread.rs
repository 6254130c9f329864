//! Other threads ask loops, services and connections for things.

use crate::support::{Event, PATIENCE, echo, read_exactly, record, serve, swallow};
use reactor::{Buffer, Closed, Connection, Connections, EventLoop, EventLoopThread, Service};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

#[test]
fn a_handle_sends_from_another_thread() {
    let recording = record(|builder| builder, swallow);
    let (stream, handle) = recording.connect();
    let sender = thread::spawn(move || {
        for number in 0..100u8 {
            handle.send(vec![number]);
        }
    });
    assert_eq!(read_exactly(&stream, 100), (0..100).collect::<Vec<u8>>());
    sender.join().unwrap();
}

#[test]
fn stale_handles_are_harmless() {
    let recording = record(|builder| builder, echo);
    let (stream, old) = recording.connect();
    drop(stream);
    recording.wait_closed();
    recording.settle();
    let (stream, new) = recording.connect();
    assert_ne!(old.id(), new.id());
    let old_id = old.id();
    assert!(recording.on_loop(move |connections| connections.get(old_id).is_none()));
    old.send(&b"for somebody else"[..]);
    old.shutdown();
    old.close_after_flush();
    old.force_close();
    new.send(&b"mine"[..]);
    assert_eq!(read_exactly(&stream, 4), b"mine");
}

#[test]
fn an_id_of_another_server_names_nothing() {
    let servers = [record(|builder| builder, swallow), record(|builder| builder, swallow)];
    let [(_one, one), (_two, two)] = [servers[0].connect(), servers[1].connect()];
    assert_ne!(one.id(), two.id());
    let (one, two) = (one.id(), two.id());
    assert!(servers[0].on_loop(move |connections| connections.get(two).is_none()));
    assert!(servers[1].on_loop(move |connections| connections.get(one).is_none()));
}

#[test]
fn handles_outlive_server_and_loop() {
    let recording = record(|builder| builder, swallow);
    let (_stream, handle) = recording.connect();
    let service = recording.running.service();
    let loop_handle = recording.running.service_loop();
    drop(recording);
    handle.send(&b"x"[..]);
    handle.force_close();
    assert_eq!(service.post(Box::new(|_| ())), Err(Closed));
    assert_eq!(service.queue_size(), 0);
    loop_handle.run_in_loop(|_| unreachable!("the loop has ended"));
    let timer = loop_handle.run_after(Duration::ZERO, |_| unreachable!("the loop has ended"));
    loop_handle.cancel(timer);
    loop_handle.quit();
}

/// Checks that the posts of each thread keep their order.
struct Counter {
    next: [u32; 8],
    done: mpsc::Sender<()>,
    left: u32,
}

impl Service for Counter {
    type State = ();
    type Post = (usize, u32);

    fn on_message(&mut self, _connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        input.retrieve_all();
    }

    fn on_post(&mut self, _connections: &mut Connections<'_, ()>, (thread, number): (usize, u32)) {
        assert_eq!(number, self.next[thread]);
        self.next[thread] += 1;
        self.left -= 1;
        if self.left == 0 {
            self.done.send(()).unwrap();
        }
    }
}

#[test]
fn posts_of_eight_threads_all_arrive_in_order() {
    const EACH: u32 = 10_000;
    let (done, receiver) = mpsc::channel();
    let running = serve(
        |builder| builder.threads(1),
        move |_seat| Counter { next: [0; 8], done: done.clone(), left: 8 * EACH },
    );
    thread::scope(|scope| {
        for thread in 0..8 {
            let service = running.service();
            scope.spawn(move || {
                for number in 0..EACH {
                    service.post((thread, number)).unwrap();
                }
            });
        }
    });
    receiver.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn many_posts_to_a_busy_loop_cost_no_wake_up() {
    let thread = EventLoopThread::start("worker", |_| ()).unwrap();
    let handle = thread.handle();
    let (sender, receiver) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let held = sender.clone();
    handle.run_in_loop(move |_| {
        held.send(0).unwrap();
        released.recv().unwrap();
    });
    receiver.recv_timeout(PATIENCE).unwrap();
    let before = handle.stats();
    for number in 1..=1000 {
        let sender = sender.clone();
        handle.run_in_loop(move |_| sender.send(number).unwrap());
    }
    assert_eq!(handle.queue_size(), 1000);
    assert_eq!(handle.stats().wakeups, before.wakeups, "the loop is awake");
    release.send(()).unwrap();
    for number in 1..=1000 {
        assert_eq!(receiver.recv_timeout(PATIENCE), Ok(number));
    }
    let after = handle.stats();
    assert_eq!(after.wakeups, before.wakeups);
    assert_eq!(after.wakeups_saved, before.wakeups_saved + 1000);
}

#[test]
fn many_posts_to_a_sleeper_cost_one_wake_up() {
    let mut event_loop = EventLoop::new().unwrap();
    assert_eq!(event_loop.prepare_to_wait(), None, "it sleeps as far as posters know");
    let handle = event_loop.handle();
    let poster = thread::spawn(move || {
        for _ in 0..1000 {
            handle.run_in_loop(|_| {});
        }
    });
    poster.join().unwrap();
    event_loop.run_once(Some(PATIENCE)).unwrap();
    let stats = event_loop.stats();
    assert_eq!((stats.tasks, stats.wakeups, stats.wakeups_saved), (1000, 1, 999));
}

#[test]
fn posts_between_two_loops_lose_no_wake_up() {
    let (sender, receiver) = mpsc::channel();
    let left = EventLoopThread::start("left", |_| ()).unwrap();
    let right = EventLoopThread::start("right", |_| ()).unwrap();
    fn bounce(
        near: reactor::LoopHandle,
        far: reactor::LoopHandle,
        left: u32,
        done: mpsc::Sender<()>,
    ) -> impl FnOnce(&mut EventLoop) + Send + 'static {
        move |_| match left {
            0 => done.send(()).unwrap(),
            _ => {
                let next: Box<dyn FnOnce(&mut EventLoop) + Send> =
                    Box::new(bounce(far.clone(), near, left - 1, done));
                far.run_in_loop(next);
            }
        }
    }
    let (near, far) = (left.handle().clone(), right.handle().clone());
    left.handle().run_in_loop(bounce(near, far, 20_000, sender));
    receiver.recv_timeout(PATIENCE).expect("the ball is not lost");
}

#[test]
fn a_service_posts_to_the_service_of_another_loop() {
    /// Forwards each message to all loops, whose connections all get it.
    struct Room {
        seat: reactor::Seat<Vec<u8>>,
    }
    impl Service for Room {
        type State = ();
        type Post = Vec<u8>;
        fn on_message(&mut self, _connection: &mut Connection<'_, ()>, input: &mut Buffer) {
            for handle in self.seat.handles.iter() {
                handle.post(input.peek().to_vec()).unwrap();
            }
            input.retrieve_all();
        }
        fn on_post(&mut self, connections: &mut Connections<'_, ()>, post: Vec<u8>) {
            connections.for_each(|connection| {
                connection.send(&post);
            });
        }
    }
    let running = serve(|builder| builder.threads(2), |seat| Room { seat });
    let streams: Vec<_> = (0..4).map(|_| running.connect()).collect();
    crate::support::wait_until("all connected", || {
        running.server.loops().iter().map(|handle| handle.stats().connections).sum::<u64>() == 4
    });
    std::io::Write::write_all(&mut &streams[0], b"hello all").unwrap();
    for stream in &streams {
        assert_eq!(read_exactly(stream, 9), b"hello all");
    }
}

#[test]
fn commands_and_posts_of_one_thread_keep_their_order() {
    let recording = record(|builder| builder, swallow);
    let (stream, handle) = recording.connect();
    let id = handle.id();
    handle.send(&b"1"[..]);
    recording.on_loop(move |connections| connections.get(id).unwrap().send(b"2"));
    handle.send(&b"3"[..]);
    handle.close_after_flush();
    assert_eq!(crate::support::read_to_end(&stream), b"123");
    recording.wait_for("closed", |event| matches!(event, Event::Closed(..)).then_some(()));
}
