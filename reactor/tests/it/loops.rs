//! Loops, their threads and pools.

use crate::support::PATIENCE;
use reactor::{EventLoop, EventLoopThread, EventLoopThreadPool};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn quit_before_run_is_honoured_once() {
    let mut event_loop = EventLoop::new().unwrap();
    event_loop.handle().quit();
    event_loop.queue_in_loop(|_| unreachable!("no turn is run"));
    event_loop.run().unwrap();

    let mut event_loop = EventLoop::new().unwrap();
    event_loop.handle().quit();
    event_loop.run().unwrap();
    event_loop.run_after(Duration::from_millis(1), |event_loop| event_loop.handle().quit());
    event_loop.run().unwrap();
}

#[test]
fn quit_from_another_thread_ends_a_sleeping_loop() {
    let mut event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    let quitter = thread::spawn(move || {
        crate::support::wait_until("the loop runs", || handle.stats().turns > 0);
        handle.quit();
    });
    event_loop.queue_in_loop(|_| ());
    event_loop.run().unwrap();
    quitter.join().unwrap();
}

#[test]
fn run_once_waits_no_longer_than_asked() {
    let mut event_loop = EventLoop::new().unwrap();
    let start = Instant::now();
    event_loop.run_once(Some(Duration::from_millis(10))).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(10));
    assert!(start.elapsed() < PATIENCE);
    assert_eq!(event_loop.stats().turns, 1);
}

#[test]
fn tasks_queued_by_tasks_wait_for_the_next_turn() {
    let mut event_loop = EventLoop::new().unwrap();
    let log = Rc::new(RefCell::new(Vec::new()));
    let (outer, inner) = (log.clone(), log.clone());
    event_loop.queue_in_loop(move |event_loop| {
        outer.borrow_mut().push("first");
        event_loop.queue_in_loop(move |_| inner.borrow_mut().push("second"));
    });
    event_loop.run_once(Some(Duration::ZERO)).unwrap();
    assert_eq!(*log.borrow(), ["first"]);
    // Does not sleep: a task waits.
    event_loop.run_once(None).unwrap();
    assert_eq!(*log.borrow(), ["first", "second"]);
}

#[test]
fn tasks_queued_by_timers_run_in_the_same_turn() {
    let mut event_loop = EventLoop::new().unwrap();
    let log = Rc::new(RefCell::new(Vec::new()));
    let (near, far) = (log.clone(), event_loop.handle());
    event_loop.run_after(Duration::ZERO, move |event_loop| {
        event_loop.queue_in_loop(move |_| near.borrow_mut().push("task"));
        far.queue_in_loop(|event_loop| event_loop.handle().quit());
    });
    assert!(event_loop.run_once(None).unwrap(), "quit came in the same turn");
    assert_eq!(*log.borrow(), ["task"]);
}

#[test]
fn run_once_tells_of_a_quit_once_and_then_waits_again() {
    let mut event_loop = EventLoop::new().unwrap();
    event_loop.handle().quit();
    assert!(event_loop.run_once(None).unwrap());
    let start = Instant::now();
    let wait = Duration::from_millis(20);
    while start.elapsed() < wait {
        assert!(!event_loop.run_once(Some(wait)).unwrap());
    }
    assert!(event_loop.stats().turns <= 3, "it must not spin");
}

#[test]
fn run_in_loop_is_inline_on_the_loop_and_queued_on_its_handle() {
    let mut event_loop = EventLoop::new().unwrap();
    let (sender, receiver) = mpsc::channel();
    let handle = event_loop.handle();
    assert!(handle.is_in_loop_thread());
    let queued = sender.clone();
    handle.run_in_loop(move |_| queued.send("queued").unwrap());
    event_loop.run_in_loop(|_| sender.send("inline").unwrap());
    assert_eq!(receiver.try_recv(), Ok("inline"));
    assert!(receiver.try_recv().is_err());
    event_loop.run_once(None).unwrap();
    assert_eq!(receiver.try_recv(), Ok("queued"));
}

#[test]
fn an_idle_loop_does_not_turn() {
    let thread = EventLoopThread::start("idle", |_| ()).unwrap();
    let (sender, receiver) = mpsc::channel();
    thread.handle().run_in_loop(move |_| sender.send(()).unwrap());
    receiver.recv_timeout(PATIENCE).unwrap();
    let turns = thread.handle().stats().turns;
    thread::sleep(Duration::from_millis(30));
    assert!(thread.handle().stats().turns <= turns + 1);
}

#[test]
fn tasks_left_in_a_dropped_loop_are_dropped() {
    let event_loop = EventLoop::new().unwrap();
    let (sender, receiver) = mpsc::channel::<()>();
    event_loop.handle().queue_in_loop(move |_| drop(sender));
    drop(event_loop);
    assert_eq!(receiver.try_recv(), Err(mpsc::TryRecvError::Disconnected));
}

#[test]
fn pool_threads_are_named_initialised_and_taken_in_turn() {
    let mut base = EventLoop::new().unwrap();
    let (sender, receiver) = mpsc::channel();
    let pool = EventLoopThreadPool::start(&mut base, "pool-", 3, move |event_loop, _index| {
        let name = thread::current().name().unwrap().to_owned();
        assert!(event_loop.handle().is_in_loop_thread());
        sender.send(name).unwrap();
    })
    .unwrap();
    let mut names: Vec<String> = receiver.try_iter().collect();
    names.sort();
    assert_eq!(names, ["pool-0", "pool-1", "pool-2"]);
    assert_eq!((pool.loops().len(), pool.threads()), (3, 3));

    let (sender, receiver) = mpsc::channel();
    for _ in 0..6 {
        let sender = sender.clone();
        let answer = move |_: &mut EventLoop| {
            sender.send(thread::current().name().unwrap().to_owned()).unwrap();
        };
        pool.next_loop().run_in_loop(answer);
    }
    let mut names: Vec<String> = (0..6).map(|_| receiver.recv_timeout(PATIENCE).unwrap()).collect();
    names.sort();
    assert_eq!(names, ["pool-0", "pool-0", "pool-1", "pool-1", "pool-2", "pool-2"]);

    let (sender, receiver) = mpsc::channel();
    pool.get_loop_for_hash(5).run_in_loop(move |_| {
        sender.send(thread::current().name().unwrap().to_owned()).unwrap();
    });
    assert_eq!(receiver.recv_timeout(PATIENCE).unwrap(), "pool-2");
}

#[test]
fn a_pool_without_threads_uses_the_base_loop() {
    let mut base = EventLoop::new().unwrap();
    let (sender, receiver) = mpsc::channel();
    let pool = EventLoopThreadPool::start(&mut base, "none-", 0, move |_, _| {
        sender.send(thread::current().id()).unwrap();
    })
    .unwrap();
    assert_eq!(receiver.try_recv(), Ok(thread::current().id()));
    assert_eq!((pool.loops().len(), pool.threads()), (1, 0));
    assert!(pool.next_loop().is_in_loop_thread());
    assert!(pool.get_loop_for_hash(u64::MAX).is_in_loop_thread());
}

#[test]
fn an_init_that_panics_is_an_error() {
    let error = EventLoopThread::start("bad", |_| panic!("on purpose")).unwrap_err();
    assert_eq!(error.to_string(), "cannot start thread bad: its init panicked");
}

#[test]
fn dropping_a_thread_joins_it() {
    let (sender, receiver) = mpsc::channel();
    let thread = EventLoopThread::start("joined", |_| ()).unwrap();
    thread.handle().run_in_loop(move |_| {
        thread::sleep(Duration::from_millis(5));
        sender.send(()).unwrap();
    });
    crate::support::wait_until("the task was taken", || thread.handle().stats().tasks == 1);
    drop(thread);
    assert_eq!(receiver.try_recv(), Ok(()), "joined, so it is through");
}

#[test]
fn remotes_are_send_and_ids_are_copy() {
    fn remote<T: Send + Sync + Clone + 'static>() {}
    fn name<T: Send + Sync + Copy + Eq + std::hash::Hash>() {}
    remote::<reactor::LoopHandle>();
    remote::<reactor::ServiceHandle<std::cell::Cell<u8>>>();
    remote::<reactor::ConnectionHandle>();
    name::<reactor::ConnectionId>();
    name::<reactor::TimerId>();
}
