//! Counters of one loop, readable from any thread.

use std::sync::atomic::{AtomicU64, Ordering};

/// A snapshot of what a loop has done. The fields are read one by one, so they may be a few
/// turns apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoopStats {
    /// Turns: waits for events and the work after them.
    pub turns: u64,
    /// Events of sockets.
    pub events: u64,
    /// Tasks and timer commands run.
    pub tasks: u64,
    /// Letters to services: posts, commands to connections, new connections.
    pub posts: u64,
    /// Timers fired.
    pub timers: u64,
    /// System calls that woke this loop; many posts share one.
    pub wakeups: u64,
    /// Bytes read from connections.
    pub bytes_read: u64,
    /// Bytes written to connections.
    pub bytes_written: u64,
    /// Reads of connections, those that found nothing included.
    pub reads: u64,
    /// Writes to connections.
    pub writes: u64,
    /// Connections accepted by listeners of this loop.
    pub accepted: u64,
    /// Connections that live on this loop now.
    pub connections: u64,
}

/// A number that one thread changes and all may read.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Loop thread only: a load and a store, not a locked instruction.
    pub(crate) fn add(&self, amount: u64) {
        self.0.store(self.get().wrapping_add(amount), Ordering::Relaxed);
    }

    /// Loop thread only.
    pub(crate) fn subtract(&self, amount: u64) {
        self.0.store(self.get().wrapping_sub(amount), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The live counters behind [`LoopStats`].
#[derive(Debug, Default)]
pub(crate) struct LoopCounters {
    pub(crate) turns: Counter,
    pub(crate) events: Counter,
    pub(crate) tasks: Counter,
    pub(crate) posts: Counter,
    pub(crate) timers: Counter,
    pub(crate) bytes_read: Counter,
    pub(crate) bytes_written: Counter,
    pub(crate) reads: Counter,
    pub(crate) writes: Counter,
    pub(crate) accepted: Counter,
    pub(crate) connections: Counter,
}

impl LoopCounters {
    pub(crate) fn snapshot(&self, wakeups: u64) -> LoopStats {
        LoopStats {
            turns: self.turns.get(),
            events: self.events.get(),
            tasks: self.tasks.get(),
            posts: self.posts.get(),
            timers: self.timers.get(),
            wakeups,
            bytes_read: self.bytes_read.get(),
            bytes_written: self.bytes_written.get(),
            reads: self.reads.get(),
            writes: self.writes.get(),
            accepted: self.accepted.get(),
            connections: self.connections.get(),
        }
    }
}
