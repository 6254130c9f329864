//! A hook for metrics, and the guard around everything that a loop calls.

use crate::connection::id::ConnectionId;
use crate::event_loop::activity::{Call, Callback};
use crate::event_loop::loop_core::LoopCore;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// Told of what a loop does, on the loop's thread, so it must not block; see
/// [`EventLoop::set_observer`](crate::EventLoop::set_observer). A panic in it is counted
/// ([`LoopStats::observer_panics`](crate::LoopStats::observer_panics)) and changes nothing else: the
/// observer is told of what comes next.
///
/// ```
/// use reactor::{EventLoop, LoopObserver, TurnReport};
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// /// Turns by how long they worked: bucket n counts those below 2^n microseconds.
/// #[derive(Default)]
/// struct Histogram([AtomicU64; 32]);
///
/// impl LoopObserver for Histogram {
///     fn on_turn(&self, turn: &TurnReport) {
///         let bucket = (turn.worked.as_micros() as u32).checked_ilog2().map_or(0, |log| log + 1);
///         self.0[bucket.min(31) as usize].fetch_add(1, Ordering::Relaxed);
///     }
/// }
///
/// let histogram = Arc::new(Histogram::default());
/// let mut event_loop = EventLoop::new()?;
/// event_loop.set_observer(histogram.clone());
/// event_loop.queue_in_loop(|event_loop| event_loop.handle().quit());
/// event_loop.run()?;
/// assert!(histogram.0.iter().any(|bucket| bucket.load(Ordering::Relaxed) > 0));
/// # Ok::<(), reactor::Error>(())
/// ```
pub trait LoopObserver: Send + Sync {
    /// A turn is over.
    fn on_turn(&self, _turn: &TurnReport) {}

    /// A callback, task or timer has returned. It is timed only because there is an observer: two
    /// readings of the clock, some 50 ns.
    fn on_callback(&self, _call: &CallReport) {}

    /// A callback, task or timer has panicked, and the loop goes on without it. The panic hook and
    /// `on_callback` ran before.
    fn on_panic(&self, _call: &CallReport) {}
}

/// What a turn came to.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TurnReport {
    /// How long the loop slept before it.
    pub waited: Duration,
    /// How long it took after that.
    pub worked: Duration,
    /// Events of sockets in it.
    pub events: u64,
    /// Tasks and timer commands run.
    pub tasks: u64,
    /// Letters to services: posts, commands to connections, new connections.
    pub posts: u64,
    /// Timers fired.
    pub timers: u64,
    /// Bytes read from connections.
    pub bytes_read: u64,
    /// Bytes written to connections.
    pub bytes_written: u64,
}

/// What was called, and how long it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallReport {
    /// What was called.
    pub callback: Callback,
    /// The type of the service; tasks and timers of the loop have none.
    pub service: Option<&'static str>,
    /// The connection that it was called with, if it was one.
    pub connection: Option<ConnectionId>,
    /// How long it took.
    pub took: Duration,
}

/// Whether what was called returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Outcome {
    Returned,
    Panicked,
}

/// Calls something of the program's, and keeps its panic from the loop. What is given up thereupon
/// is what can be no longer sound: the connection, the task, the timer.
pub(crate) fn guarded<L: AsMut<LoopCore>>(
    owner: &mut L,
    call: Call,
    body: impl FnOnce(&mut L),
) -> Outcome {
    let core = owner.as_mut();
    core.shared.activity.begin(call);
    let started = core.observer.is_some().then(|| core.clock.now());
    let result = catch_unwind(AssertUnwindSafe(|| body(owner)));
    let core = owner.as_mut();
    core.shared.activity.end();
    let took = started.map(|started| core.clock.now().saturating_duration_since(started));
    if let Some(took) = took {
        let report = core.shared.report(call, took);
        core.shared.counters.slowest_callback.raise_to(&report);
        tell(core, |observer| observer.on_callback(&report));
    }
    match result {
        Ok(()) => Outcome::Returned,
        Err(_payload) => {
            core.shared.counters.panics.add(1);
            let took = took.unwrap_or_default();
            tell(core, |observer| observer.on_panic(&core.shared.report(call, took)));
            Outcome::Panicked
        }
    }
}

/// Tells the observer something, if there is one. What it observes does not suffer from its panic.
pub(crate) fn tell(core: &LoopCore, what: impl FnOnce(&dyn LoopObserver)) {
    if let Some(observer) = &core.observer
        && catch_unwind(AssertUnwindSafe(|| what(&**observer))).is_err()
    {
        core.shared.counters.observer_panics.add(1);
    }
}
