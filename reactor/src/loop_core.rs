//! The part of a loop that sources work with: everything but the sources themselves.

use crate::buffer::Buffer;
use crate::event_loop::EventLoop;
use crate::loop_handle::LoopShared;
use crate::output_queue::ChunkPool;
use crate::poller::Poller;
use crate::source::{SourceId, SourceTimer};
use crate::timer_queue::{TimerId, TimerQueue, deadline_after};
use crate::token::GENERATIONS;
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
    /// Where every connection reads into; connections own only what they left unread.
    pub(crate) scratch: Buffer,
    pub(crate) chunks: ChunkPool,
    pub(crate) shared: Arc<LoopShared>,
    pub(crate) now: Instant,
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
    pub(crate) fn new(poller: Poller, shared: Arc<LoopShared>) -> Self {
        Self {
            poller,
            timers: TimerQueue::new(),
            scratch: Buffer::new(),
            chunks: ChunkPool::default(),
            shared,
            now: Instant::now(),
            generation: 0,
            work: Work::Done,
        }
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

    pub(crate) fn add_timer(
        &mut self,
        deadline: Instant,
        period: Option<Duration>,
        task: TimerTask,
    ) -> TimerId {
        let id = self.shared.next_timer_number();
        self.timers.add(id, deadline, period, task)
    }
}
