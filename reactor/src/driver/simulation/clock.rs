//! A clock that goes when it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Any thread. Time since the start of a simulation, as an [`Instant`] for what works with those.
#[derive(Clone, Debug)]
pub(crate) struct VirtualClock {
    start: Instant,
    nanoseconds: Arc<AtomicU64>,
}

impl VirtualClock {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), nanoseconds: Arc::new(AtomicU64::new(0)) }
    }

    pub(crate) fn now(&self) -> Instant {
        self.start + self.elapsed()
    }

    pub(super) fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed))
    }

    /// Goes on to `elapsed`, never back.
    pub(super) fn advance_to(&self, elapsed: Duration) {
        let nanoseconds = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_max(nanoseconds, Ordering::Relaxed);
    }
}
