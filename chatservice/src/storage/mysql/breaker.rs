//! Decides whether a call may try the database at all. While it is away nobody waits for it: one
//! call at a time finds out whether it is back, the others fail at once. Pure; time is an argument.

use std::time::{Duration, Instant};

/// Between a failure and the next attempt. Short, since an attempt costs one call at most.
const PAUSE: Duration = Duration::from_millis(300);

/// See the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Breaker {
    /// The last call that found out anything got through.
    #[default]
    Closed,
    /// It did not; nobody tries before this time.
    Open(Instant),
    /// Somebody tries.
    Probing,
}

impl Breaker {
    /// Whether a call may go on. One that may must say how it ended.
    pub(super) fn admits(&mut self, now: Instant) -> bool {
        match *self {
            Self::Closed => true,
            Self::Open(until) if now >= until => {
                *self = Self::Probing;
                true
            }
            Self::Open(_) | Self::Probing => false,
        }
    }

    /// The database answered, if only to refuse.
    pub(super) fn answered(&mut self) {
        *self = Self::Closed;
    }

    /// It did not.
    pub(super) fn failed(&mut self, now: Instant) {
        *self = Self::Open(now + PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_finds_out_whether_it_is_back() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        assert!(breaker.admits(now) && breaker.admits(now));
        breaker.failed(now);
        assert!(!breaker.admits(now) && !breaker.admits(now + PAUSE / 2));
        assert!(breaker.admits(now + PAUSE), "the probe");
        assert!(!breaker.admits(now + PAUSE) && !breaker.admits(now + PAUSE * 100));
        breaker.failed(now + PAUSE * 2);
        assert!(!breaker.admits(now + PAUSE * 2));
        assert!(breaker.admits(now + PAUSE * 3));
        breaker.answered();
        assert!(breaker.admits(now) && breaker.admits(now));
    }
}
