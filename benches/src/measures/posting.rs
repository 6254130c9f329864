//! What a task costs that other threads post to a loop, beside muduo's way of doing it.

mod functor_queue;

use crate::measures::row::{Row, Wanted};
use crate::measures::spent::Spent;
use crate::measures::{Plan, Scale};
use crate::processor_time;
use functor_queue::FunctorQueue;
use reactor::{EventLoopThread, LoopHandle};
use std::cell::Cell;
use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const POSTERS: u64 = 8;

/// Where tasks are posted to.
trait Mailbox: Sync {
    fn post(&self, task: impl FnOnce() + Send + 'static);
}

impl Mailbox for LoopHandle {
    fn post(&self, task: impl FnOnce() + Send + 'static) {
        self.queue_in_loop(move |_event_loop| task());
    }
}

impl Mailbox for FunctorQueue {
    fn post(&self, task: impl FnOnce() + Send + 'static) {
        self.queue_in_loop(task);
    }
}

thread_local! {
    /// What the tasks of this thread have added up.
    static SUM: Cell<u64> = const { Cell::new(0) };
}

pub(super) fn run(plan: Plan) -> io::Result<Vec<Row>> {
    let each = posts_of_each(plan.scale);
    let posts = POSTERS * each;
    let what = |figure| format!("{posts} tasks posted by {POSTERS} threads: {figure} a task");
    let muduo = "muduo's queue";
    let mut wall = Row::new(what("time"), "ns", muduo, Wanted::Ratio(0.5));
    let mut cpu = Row::new(what("CPU of all threads"), "ns", muduo, Wanted::Nothing);
    let mut wakeups = Row::new(what("wake-ups"), "calls", muduo, Wanted::Nothing);
    let a_task = |time: Duration| time.as_nanos() as f64 / posts as f64;
    for _ in plan.rounds("posting") {
        let event_loop = EventLoopThread::start("reactor", |_| {}).map_err(io::Error::other)?;
        let reactor = post_all(event_loop.handle(), each)?;
        let reactor_wakeups = event_loop.handle().stats().wakeups;
        let queue = FunctorQueue::start()?;
        let muduo = post_all(&queue, each)?;
        wall.push(a_task(reactor.wall), a_task(muduo.wall));
        cpu.push(a_task(reactor.cpu), a_task(muduo.cpu));
        // muduo's writes one for each by its very rule.
        wakeups.push(reactor_wakeups as f64 / posts as f64, 1.0);
    }
    Ok(vec![wall, cpu, wakeups])
}

fn posts_of_each(scale: Scale) -> u64 {
    scale.pick(1_000_000, 8_000) / POSTERS
}

/// What all posts of a turn take until their tasks have run.
fn post_all(mailbox: &impl Mailbox, each: u64) -> io::Result<Spent> {
    let (sum, spent) = Spent::by(|| Ok(processor_time::own()), || sum_of_all(mailbox, each))?;
    let expected = POSTERS * (each * (each - 1) / 2);
    if sum == expected { Ok(spent) } else { Err(io::Error::other("tasks were lost")) }
}

/// All threads post as fast as they can.
fn sum_of_all(mailbox: &impl Mailbox, each: u64) -> io::Result<u64> {
    thread::scope(|scope| {
        for _ in 0..POSTERS {
            scope.spawn(|| {
                for number in 0..each {
                    mailbox.post(move || SUM.set(SUM.get() + number));
                }
            });
        }
    });
    let (sender, receiver) = mpsc::channel();
    // The last one: all others were queued before.
    mailbox.post(move || {
        let _waited_for = sender.send(SUM.take());
    });
    receiver.recv().map_err(io::Error::other)
}
