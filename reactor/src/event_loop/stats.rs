//! Counters of one loop, readable from any thread.

use crate::event_loop::observer::{CallReport, TurnReport};
use crate::event_loop::slowest_callback::SlowestCallback;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

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
    /// Posts, tasks and the like that cost no such call, for the loop was awake or was being woken
    /// for another; those of its own thread are among them. Counted when the loop takes them.
    pub wakeups_saved: u64,
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
    /// Connections on which TLS could not be agreed on, in time or at all.
    pub handshakes_failed: u64,
    /// Servers, listeners, clients and datagram sockets that live on this loop now.
    pub sources: u64,
    /// Callbacks, tasks and timers that panicked.
    pub panics: u64,
    /// Methods of the observer that panicked.
    pub observer_panics: u64,
    /// Tasks and timer commands that wait for the loop now.
    pub tasks_waiting: u64,
    /// Letters that wait now for the services of the loop: posts, commands to connections, new
    /// connections.
    pub letters_waiting: u64,
    /// Timers that are armed now, as of the end of the last turn.
    pub timers_waiting: u64,
    /// Bytes that connections have queued now and the kernel did not take.
    pub bytes_queued: u64,
    /// The most events that one wait brought.
    pub events_max: u64,
    /// Waits that brought as many events as there was room for, so that more may have been ready. The
    /// room doubles each time.
    pub full_batches: u64,
    /// How long the loop slept.
    pub waited: Duration,
    /// How long it was at work.
    pub worked: Duration,
    /// The longest that a turn worked, hence the longest that a connection had to wait for its own.
    pub longest_turn: Duration,
    /// The callback, task or timer that took longest. Known while there is an observer
    /// ([`EventLoop::set_observer`](crate::EventLoop::set_observer)), for without one they are not
    /// timed; [`StallDetector`](crate::StallDetector) names slow ones in any case.
    pub slowest_callback: Option<CallReport>,
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

    /// Loop thread only.
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Loop thread only.
    pub(crate) fn raise_to(&self, value: u64) {
        if value > self.get() {
            self.set(value);
        }
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The live counters behind [`LoopStats`].
///
/// On cache lines of their own: the loop writes them all the time, next to what posters read.
#[derive(Debug, Default)]
#[repr(align(128))]
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
    pub(crate) handshakes_failed: Counter,
    pub(crate) sources: Counter,
    pub(crate) panics: Counter,
    pub(crate) observer_panics: Counter,
    pub(crate) timers_waiting: Counter,
    pub(crate) bytes_queued: Counter,
    pub(crate) events_max: Counter,
    pub(crate) full_batches: Counter,
    // Times are in nanoseconds.
    pub(crate) waited: Counter,
    pub(crate) worked: Counter,
    pub(crate) longest_turn: Counter,
    pub(crate) slowest_callback: SlowestCallback,
}

impl LoopCounters {
    /// Loop thread only: what a turn came to that is not counted while it lasts.
    pub(crate) fn count_turn(&self, turn: &TurnReport) {
        self.waited.add(turn.waited.as_nanos() as u64);
        self.worked.add(turn.worked.as_nanos() as u64);
        self.longest_turn.raise_to(turn.worked.as_nanos() as u64);
        self.events_max.raise_to(turn.events);
    }

    /// All but what others count.
    pub(crate) fn snapshot(&self) -> LoopStats {
        let time = |counter: &Counter| Duration::from_nanos(counter.get());
        LoopStats {
            handshakes_failed: self.handshakes_failed.get(),
            sources: self.sources.get(),
            panics: self.panics.get(),
            observer_panics: self.observer_panics.get(),
            tasks_waiting: 0,
            letters_waiting: 0,
            timers_waiting: self.timers_waiting.get(),
            bytes_queued: self.bytes_queued.get(),
            events_max: self.events_max.get(),
            full_batches: self.full_batches.get(),
            waited: time(&self.waited),
            worked: time(&self.worked),
            longest_turn: time(&self.longest_turn),
            slowest_callback: self.slowest_callback.get(),
            wakeups: 0,
            wakeups_saved: 0,
            turns: self.turns.get(),
            events: self.events.get(),
            tasks: self.tasks.get(),
            posts: self.posts.get(),
            timers: self.timers.get(),
            bytes_read: self.bytes_read.get(),
            bytes_written: self.bytes_written.get(),
            reads: self.reads.get(),
            writes: self.writes.get(),
            accepted: self.accepted.get(),
            connections: self.connections.get(),
        }
    }
}
