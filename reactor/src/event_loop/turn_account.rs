//! The account of each turn: how long it slept and worked, and what it did.

use crate::event_loop::loop_core::LoopCore;
use crate::event_loop::observer::{TurnReport, tell};
use crate::event_loop::stats::LoopCounters;
use std::time::Instant;

/// Of the turn that is under way.
#[derive(Debug)]
pub(crate) struct TurnAccount {
    /// When the turn before ended, and the wait of this one began.
    opened: Instant,
    /// What had been counted then.
    before: Counted,
}

/// What turns are told by, since the loop was made.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    events: u64,
    tasks: u64,
    posts: u64,
    timers: u64,
    bytes_read: u64,
    bytes_written: u64,
}

impl TurnAccount {
    pub(crate) fn open(now: Instant) -> Self {
        Self { opened: now, before: Counted::default() }
    }

    /// Counts and tells what the turn came to that is over, and opens the account of the next.
    pub(crate) fn settle(&mut self, core: &LoopCore) {
        let ended = core.clock.now();
        let after = Counted::by(&core.shared.counters);
        let before = std::mem::replace(&mut self.before, after);
        let turn = TurnReport {
            waited: core.now.saturating_duration_since(self.opened),
            worked: ended.saturating_duration_since(core.now),
            events: after.events - before.events,
            tasks: after.tasks - before.tasks,
            posts: after.posts - before.posts,
            timers: after.timers - before.timers,
            bytes_read: after.bytes_read - before.bytes_read,
            bytes_written: after.bytes_written - before.bytes_written,
        };
        core.shared.counters.count_turn(&turn);
        core.shared.counters.timers_waiting.set(core.timers.len() as u64);
        tell(core, |observer| observer.on_turn(&turn));
        self.opened = ended;
    }
}

impl Counted {
    fn by(counters: &LoopCounters) -> Self {
        Self {
            events: counters.events.get(),
            tasks: counters.tasks.get(),
            posts: counters.posts.get(),
            timers: counters.timers.get(),
            bytes_read: counters.bytes_read.get(),
            bytes_written: counters.bytes_written.get(),
        }
    }
}
