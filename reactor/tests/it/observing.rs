//! What a loop tells of itself.

use crate::support::{Echo, PATIENCE, read_exactly, record, serve, swallow, wait_until};
use reactor::{
    Buffer, CallReport, Callback, Connection, EventLoop, LoopObserver, Service, Stall,
    StallDetector, TcpServer, TurnReport,
};
use std::io::Write;
use std::net::TcpStream;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

/// Takes its time for each message.
struct Slow(Duration);

impl Service for Slow {
    type State = ();
    type Post = ();

    fn on_message(&mut self, connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        std::thread::sleep(self.0);
        connection.send(input.peek());
        input.retrieve_all();
    }
}

#[test]
fn a_stall_is_named_while_it_lasts_and_when_it_is_over() {
    const LONG: Duration = Duration::from_millis(300);
    let running = serve(|builder| builder.threads(1), |_seat| Slow(LONG));
    let (sender, stalls) = mpsc::channel();
    let loops = running.server.loops().to_vec();
    let detector = StallDetector::start(loops, LONG / 6, move |index, stall| {
        sender.send((index, stall)).unwrap();
    });
    let detector = detector.unwrap();
    let mut stream = running.connect();
    stream.write_all(b"x").unwrap();
    let Ok((0, Stall::Going(going))) = stalls.recv_timeout(PATIENCE) else {
        panic!("a stall of the only loop")
    };
    assert_eq!(going.callback, Callback::Message);
    assert!(going.service.unwrap().ends_with("Slow"), "{going:?}");
    assert!(going.connection.is_some() && going.took >= LONG / 6);
    let Ok((0, Stall::Over(over))) = stalls.recv_timeout(PATIENCE) else { panic!("its end") };
    assert_eq!(over.connection, going.connection);
    assert!(over.took > going.took);
    read_exactly(&stream, 1);
    drop(detector);
    assert!(stalls.recv().is_err(), "nothing else stalled");
}

/// Remembers turns and calls.
#[derive(Default)]
struct Notes {
    turns: Mutex<Vec<TurnReport>>,
    calls: Mutex<Vec<CallReport>>,
}

impl LoopObserver for Notes {
    fn on_turn(&self, turn: &TurnReport) {
        self.turns.lock().unwrap().push(*turn);
    }

    fn on_callback(&self, call: &CallReport) {
        self.calls.lock().unwrap().push(*call);
    }
}

#[test]
fn an_observer_is_told_of_turns_and_calls() {
    const NAP: Duration = Duration::from_millis(20);
    let mut event_loop = EventLoop::new().unwrap();
    let notes = Arc::new(Notes::default());
    event_loop.set_observer(notes.clone());
    event_loop.run_after(NAP, |_| std::thread::sleep(NAP));
    event_loop.run_once(None).unwrap();
    let turns = notes.turns.lock().unwrap();
    assert!(turns.iter().map(|turn| turn.waited).sum::<Duration>() + NAP / 4 >= NAP);
    assert!(turns.last().unwrap().worked >= NAP);
    let call = notes.calls.lock().unwrap()[0];
    assert_eq!((call.callback, call.service), (Callback::Timer, None));
    assert!(call.took >= NAP);
    let stats = event_loop.stats();
    assert!(stats.longest_turn >= NAP && stats.slowest_callback == Some(call));
    assert!(stats.worked >= NAP && stats.waited + NAP / 4 >= NAP);
}

/// An echo on a loop that only runs when told to, and its service.
fn echo_on(event_loop: &mut EventLoop) -> TcpServer<()> {
    let address = "127.0.0.1:0".parse().unwrap();
    TcpServer::builder(address).start(event_loop, |_seat| Echo).unwrap()
}

#[test]
fn reports_of_turns_add_up_to_the_counters() {
    let mut event_loop = EventLoop::new().unwrap();
    let notes = Arc::new(Notes::default());
    event_loop.set_observer(notes.clone());
    let server = echo_on(&mut event_loop);
    let mut stream = TcpStream::connect(server.local_addr()).unwrap();
    stream.write_all(b"hello").unwrap();
    server.handles()[0].post(()).unwrap();
    event_loop.queue_in_loop(|_| {});
    event_loop.run_after(Duration::ZERO, |_| {});
    while event_loop.stats().bytes_written < 5 || event_loop.stats().timers < 1 {
        event_loop.run_once(Some(PATIENCE)).unwrap();
    }
    let (turns, stats) = (notes.turns.lock().unwrap(), event_loop.stats());
    let sum = |count: fn(&TurnReport) -> u64| turns.iter().map(count).sum::<u64>();
    assert_eq!(turns.len() as u64, stats.turns);
    assert_eq!(turns.iter().map(|turn| turn.worked).sum::<Duration>(), stats.worked);
    assert_eq!((sum(|turn| turn.bytes_read), sum(|turn| turn.bytes_written)), (5, 5));
    assert_eq!((sum(|turn| turn.tasks), sum(|turn| turn.timers)), (1, 1));
    assert_eq!((sum(|turn| turn.events), sum(|turn| turn.posts)), (stats.events, stats.posts));
    // The connection and the block; the connection as a letter and the post.
    assert_eq!((stats.events, stats.posts), (2, 2));
}

#[test]
fn the_slowest_callback_is_named() {
    const LONG: Duration = Duration::from_millis(100);
    let notes = Arc::new(Notes::default());
    let observer = notes.clone();
    let running = serve(
        |builder| {
            builder.thread_init(move |event_loop, _| event_loop.set_observer(observer.clone()))
        },
        |_seat| Slow(LONG),
    );
    let mut stream = running.connect();
    stream.write_all(b"x").unwrap();
    read_exactly(&stream, 1);
    drop(running.main_loop);
    let slowest = running.server.loops()[0].stats().slowest_callback.unwrap();
    assert_eq!(slowest.callback, Callback::Message);
    assert!(slowest.service.unwrap().ends_with("Slow") && slowest.took >= LONG, "{slowest:?}");
    assert!(slowest.connection.is_some());
    let calls = notes.calls.lock().unwrap();
    assert_eq!(calls.iter().max_by_key(|call| call.took), Some(&slowest));
}

#[test]
fn counters_show_what_lives_on_a_loop_and_when_events_fill_a_batch() {
    /// Events fetched in one wait at first.
    const ROOM: usize = 16;
    let mut event_loop = EventLoop::new().unwrap();
    assert_eq!(event_loop.stats().sources, 0);
    let server = echo_on(&mut event_loop);
    assert_eq!(event_loop.stats().sources, 2, "its listener and its connections");
    let mut streams: Vec<_> =
        (0..ROOM).map(|_| TcpStream::connect(server.local_addr()).unwrap()).collect();
    while event_loop.stats().connections < ROOM as u64 {
        event_loop.run_once(Some(PATIENCE)).unwrap();
    }
    assert_eq!(event_loop.stats().full_batches, 0);
    for _ in 0..2 {
        for stream in &mut streams {
            stream.write_all(b"x").unwrap();
        }
        event_loop.run_once(Some(PATIENCE)).unwrap();
        // The second time there is room for twice as many.
        assert_eq!(event_loop.stats().full_batches, 1);
        streams.iter().for_each(|stream| drop(read_exactly(stream, 1)));
    }
    assert_eq!(event_loop.stats().events_max, ROOM as u64);
    drop(server);
    while event_loop.stats().sources > 0 {
        event_loop.run_once(Some(PATIENCE)).unwrap();
    }
}

#[test]
fn counters_show_what_waits_and_what_is_stuck() {
    let recording = record(|builder| builder, swallow);
    let (stream, handle) = recording.connect();
    let stats = || recording.running.service_loop().stats();
    handle.send(vec![0; 7 << 20]);
    wait_until("the kernel is full", || stats().bytes_queued > 0);
    let id = handle.id();
    let queued = recording.on_loop(move |connections| connections.get(id).unwrap().queued_bytes());
    assert_eq!(stats().bytes_queued, queued as u64);
    drop(stream);
    wait_until("it is over", || stats().bytes_queued == 0);
    let release = recording.hold_loop();
    recording.running.service_loop().run_in_loop(|_| {});
    for _ in 0..3 {
        recording.running.service().post(Box::new(|_| {})).unwrap();
    }
    assert_eq!((stats().tasks_waiting, stats().letters_waiting), (1, 3));
    drop(release);
    wait_until("all is read", || (stats().tasks_waiting, stats().letters_waiting) == (0, 0));
    recording.on_loop(|connections| connections.run_after(PATIENCE, 0));
    wait_until("a timer waits", || stats().timers_waiting == 1);
}

#[test]
fn nothing_of_the_process_is_changed() {
    let signals = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        status
            .lines()
            .filter(|line| line.starts_with("SigIgn") || line.starts_with("SigCgt"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let before = signals();
    let recording = record(|builder| builder.threads(1), swallow);
    let (stream, handle) = recording.connect();
    drop(stream);
    // Written to a broken connection.
    handle.send("x");
    recording.wait_closed();
    assert_eq!(signals(), before);
}
