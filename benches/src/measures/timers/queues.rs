//! Queues of timers, as their users use them.

use reactor::{TimerId, TimerQueue};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Sleep, sleep_until};

/// The time between two looks at what is due, as a busy loop has it.
const TICK: Duration = Duration::from_millis(1);

pub(super) trait Timers: Default {
    /// What its user keeps to cancel a timer.
    type Id;

    fn add(&mut self, number: u64, deadline: Instant) -> Self::Id;

    fn cancel(&mut self, id: Self::Id);

    /// Lets the time from `start` to `start + span` pass; returns how many have fired.
    fn fire(&mut self, start: Instant, span: Duration) -> u64;
}

impl Timers for TimerQueue<u64> {
    type Id = TimerId;

    fn add(&mut self, number: u64, deadline: Instant) -> TimerId {
        self.add(number, deadline, None, number)
    }

    fn cancel(&mut self, id: TimerId) {
        self.cancel(id);
    }

    fn fire(&mut self, start: Instant, span: Duration) -> u64 {
        let mut fired = 0;
        for now in ticks(start, span) {
            self.expire(now);
            while self.take_due().is_some() {
                fired += 1;
            }
        }
        fired
    }
}

/// What is written without a library: deadlines in order, a number to tell equal ones apart.
#[derive(Default)]
pub(super) struct SortedMap(BTreeMap<(Instant, u64), u64>);

impl Timers for SortedMap {
    type Id = (Instant, u64);

    fn add(&mut self, number: u64, deadline: Instant) -> Self::Id {
        self.0.insert((deadline, number), number);
        (deadline, number)
    }

    fn cancel(&mut self, id: Self::Id) {
        self.0.remove(&id);
    }

    fn fire(&mut self, start: Instant, span: Duration) -> u64 {
        let mut fired = 0;
        for now in ticks(start, span) {
            while let Some(entry) = self.0.first_entry()
                && entry.key().0 <= now
            {
                entry.remove();
                fired += 1;
            }
        }
        fired
    }
}

/// A `Sleep` each, polled once by a task that waits for it.
pub(super) struct TokioTimers {
    runtime: Runtime,
    woken: Arc<Woken>,
    waker: Waker,
}

#[derive(Default)]
struct Woken(AtomicU64);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Default for TokioTimers {
    fn default() -> Self {
        let runtime = Builder::new_current_thread().enable_time().build();
        let runtime = runtime.expect("a runtime without I/O needs nothing of the system");
        let woken = Arc::new(Woken::default());
        Self { runtime, waker: woken.clone().into(), woken }
    }
}

impl Timers for TokioTimers {
    type Id = Pin<Box<Sleep>>;

    fn add(&mut self, _number: u64, deadline: Instant) -> Self::Id {
        let _entered = self.runtime.enter();
        let mut sleep = Box::pin(sleep_until(deadline.into()));
        if sleep.as_mut().poll(&mut Context::from_waker(&self.waker)).is_ready() {
            self.waker.wake_by_ref();
        }
        sleep
    }

    fn cancel(&mut self, id: Self::Id) {
        drop(id);
    }

    fn fire(&mut self, start: Instant, span: Duration) -> u64 {
        // Its clock is rounded up to milliseconds.
        self.runtime.block_on(async { sleep_until((start + span + 2 * TICK).into()).await });
        self.woken.0.load(Ordering::Relaxed)
    }
}

fn ticks(start: Instant, span: Duration) -> impl Iterator<Item = Instant> {
    let end = start + span;
    std::iter::successors(Some(start), move |&now| (now < end).then(|| now + TICK))
}
