//! The part of a loop that sources work with: everything but the sources themselves.

use crate::buffer::Buffer;
use crate::connection::deadlines::Tick;
use crate::connection::output_queue::ChunkPool;
use crate::driver::clock::Clock;
use crate::driver::poller::Poller;
use crate::event_loop::EventLoop;
use crate::event_loop::handle::{LoopShared, Task, is_remote};
use crate::event_loop::observer::LoopObserver;
use crate::event_loop::source::{SourceId, SourceTimer};
use crate::event_loop::timer_queue::{TimerId, TimerQueue, deadline_after};
use crate::event_loop::token::GENERATIONS;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What runs when a timer fires.
pub(crate) enum TimerTask {
    Once(Box<dyn FnOnce(&mut EventLoop)>),
    Every(Box<dyn FnMut(&mut EventLoop)>),
    Source { source: SourceId, timer: SourceTimer },
}

/// Poller, timers and shared memory of one loop.
pub(crate) struct LoopCore {
    pub(crate) poller: Poller,
    pub(crate) timers: TimerQueue<TimerTask>,
    /// Where those are in the queue that were named by handles, by their numbers.
    remote_timers: HashMap<u64, TimerId>,
    /// Where every connection reads into; connections own only what they left unread.
    pub(crate) scratch: Buffer,
    /// The same for those with TLS, in front of `scratch`.
    pub(crate) records: Buffer,
    pub(crate) chunks: ChunkPool,
    pub(crate) shared: Arc<LoopShared>,
    pub(crate) clock: Clock,
    pub(crate) observer: Option<Arc<dyn LoopObserver>>,
    pub(crate) now: Instant,
    /// `now` in milliseconds since the loop was made, for what every message stores.
    pub(crate) tick: Tick,
    started: Instant,
    generation: u32,
    work: Work,
}

/// Whether the next wait may sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Done,
    Pending,
}

impl LoopCore {
    pub(crate) fn new(poller: Poller) -> io::Result<Self> {
        let clock = poller.clock();
        let started = clock.now();
        let shared = Arc::new(LoopShared::new(poller.alarm()?, clock.clone()));
        Ok(Self {
            poller,
            timers: TimerQueue::new(),
            remote_timers: HashMap::new(),
            scratch: Buffer::new(),
            records: Buffer::new(),
            chunks: ChunkPool::default(),
            now: started,
            tick: Tick(0),
            started,
            clock,
            observer: None,
            generation: first_generation(shared.number()),
            shared,
            work: Work::Done,
        })
    }

    /// Reads the clock, once for all of a turn.
    pub(crate) fn read_clock(&mut self) {
        self.now = self.clock.now();
        // Wraps, as a tick may.
        self.tick = Tick(self.now.duration_since(self.started).as_millis() as u32);
    }

    /// A generation for a new tenant of a slot; shared by all sources, so that a stale event
    /// cannot reach another source either. Comes round after 268 million.
    pub(crate) fn next_generation(&mut self) -> u32 {
        self.generation = (self.generation + 1) % GENERATIONS;
        self.generation
    }

    /// Makes the next turn start without sleeping, and continue what was left.
    pub(crate) fn set_work_pending(&mut self) {
        self.work = Work::Pending;
    }

    /// Whether work was left over from the turn before; clears it.
    pub(crate) fn take_work_pending(&mut self) -> bool {
        std::mem::replace(&mut self.work, Work::Done) == Work::Pending
    }

    pub(crate) fn is_work_pending(&self) -> bool {
        self.work == Work::Pending
    }

    /// Arms a timer of a source, `delay` after the start of this turn.
    pub(crate) fn add_source_timer(
        &mut self,
        source: SourceId,
        delay: Duration,
        timer: SourceTimer,
    ) -> TimerId {
        let deadline = deadline_after(self.now, delay);
        self.add_timer(deadline, None, TimerTask::Source { source, timer })
    }

    /// Cancels a timer, of which a letter may be still on its way; returns what it would have run.
    pub(crate) fn cancel(&mut self, timer: TimerId) -> Option<TimerTask> {
        let task = self.take_timer(timer);
        if task.is_none() && is_remote(timer) {
            // Read after the letter that arms the timer, and before it can fire.
            let _ended = self.shared.tasks.push(Task::Cancel(timer));
        }
        task
    }

    /// Cancels the timers of a source that has ended.
    pub(crate) fn cancel_timers_of(&mut self, ended: SourceId) {
        self.timers.cancel_all(
            |task| matches!(task, TimerTask::Source { source, .. } if *source == ended),
        );
    }

    /// Cancels a timer that is in the queue; returns what it would have run.
    pub(crate) fn take_timer(&mut self, timer: TimerId) -> Option<TimerTask> {
        let in_queue = self.forget_remote(timer).unwrap_or(timer);
        self.timers.cancel(in_queue)
    }

    /// Adds a timer that a handle has named.
    pub(crate) fn add_remote_timer(
        &mut self,
        number: u64,
        deadline: Instant,
        period: Option<Duration>,
        task: TimerTask,
    ) {
        let id = self.timers.add(number, deadline, period, task);
        self.remote_timers.insert(number, id);
    }

    /// A timer is over; if a handle had named it, returns what the queue called it.
    pub(crate) fn forget_remote(&mut self, timer: TimerId) -> Option<TimerId> {
        if is_remote(timer) { self.remote_timers.remove(&timer.number) } else { None }
    }

    pub(crate) fn add_timer(
        &mut self,
        deadline: Instant,
        period: Option<Duration>,
        task: TimerTask,
    ) -> TimerId {
        let number = self.shared.next_timer_number();
        self.timers.add(number, deadline, period, task)
    }
}

impl AsMut<Self> for LoopCore {
    fn as_mut(&mut self) -> &mut Self {
        self
    }
}

/// Where a loop starts to count: far from all other loops of the process (by multiples of the
/// golden ratio), so that a key of one is not soon a key of another.
fn first_generation(loop_number: u64) -> u32 {
    const GOLDEN_RATIO: u32 = 0x9E3_779B;
    (loop_number as u32).wrapping_mul(GOLDEN_RATIO) % GENERATIONS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_loops_count_far_apart() {
        let mut starts: Vec<u32> = (0..1000).map(first_generation).collect();
        starts.sort_unstable();
        let ends = starts.iter().skip(1).copied().chain([starts[0] + GENERATIONS]);
        let nearest = starts.iter().zip(ends).map(|(start, end)| end - start).min();
        assert!(nearest > Some(100_000), "{nearest:?}");
    }

    #[test]
    fn names_of_handles_are_forgotten() {
        let mut event_loop = EventLoop::new().unwrap();
        let handle = event_loop.handle();
        let often = Duration::from_millis(1);
        handle.run_every(often, |_| panic!("a timer that ends by this"));
        let cancelled = handle.run_every(often, |_| ());
        handle.run_after(3 * often, move |event_loop| {
            event_loop.cancel(cancelled);
            event_loop.handle().quit();
        });
        event_loop.run().unwrap();
        assert_eq!(event_loop.stats().panics, 1);
        assert!(event_loop.core.remote_timers.is_empty());
    }
}
