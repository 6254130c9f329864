//! Until when this node may trust that it hears what others say and that they know of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A deadline that the node's bus thread moves on and everybody else looks at. A process that was
/// stopped for a while finds it passed, by the clock that goes on without it, before it does
/// anything else.
#[derive(Debug)]
pub struct Standing {
    base: Instant,
    /// Milliseconds after `base`.
    until: AtomicU64,
    /// How often it was lost.
    periods: AtomicU64,
}

impl Standing {
    /// Not good yet.
    pub fn new(now: Instant) -> Self {
        Self { base: now, until: AtomicU64::new(0), periods: AtomicU64::new(0) }
    }

    /// The period in which it is good, if it is good at `now`. In another period it was not good
    /// in between.
    pub fn period(&self, now: Instant) -> Option<u64> {
        let period = self.periods.load(Ordering::Acquire);
        (self.millis(now) < self.until.load(Ordering::Acquire)).then_some(period)
    }

    /// It is good until then. One thread calls this and [`Self::lose`].
    pub fn set(&self, now: Instant, until: Instant) {
        if self.period(now).is_none() {
            self.periods.fetch_add(1, Ordering::AcqRel);
        }
        self.until.store(self.millis(until), Ordering::Release);
    }

    /// It is not good until it is set again.
    pub fn lose(&self) {
        self.until.store(0, Ordering::Release);
    }

    fn millis(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.base).as_millis() as u64
    }
}

/// How long after a node said something to itself through the bus it may rely on having heard
/// everything before. Those who wait for it wait longer, see [`crate::chat::Shard::handle_standing`].
pub const ECHO_HOLDS: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_good_until_its_time_and_when_it_was_not_lost() {
        let now = Instant::now();
        let at = |millis| now + Duration::from_millis(millis);
        let standing = Standing::new(now);
        assert_eq!(standing.period(now), None);
        standing.set(now, at(1000));
        standing.set(at(500), at(1500));
        let first = standing.period(at(1499));
        assert_eq!(first, standing.period(at(600)));
        assert_eq!(standing.period(at(1500)), None);
        standing.set(at(1600), at(9000));
        let second = standing.period(at(1600));
        assert!(second.is_some() && second != first, "it lapsed in between");
        standing.lose();
        assert_eq!(standing.period(at(1700)), None);
        standing.set(at(1800), at(9000));
        assert_ne!(standing.period(at(1800)), second);
    }
}
