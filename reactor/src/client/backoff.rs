//! How long to wait before the next attempt. Pure: the random share is an argument.

use std::time::Duration;

/// A delay that doubles from `first` to `max`.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    pub(crate) fn new(first: Duration, max: Duration) -> Self {
        Self { first, max, next: first }
    }

    /// The next delay: between half of it and all of it, as `jitter` from 0 to 1 says, so that
    /// those who lost the same server do not come back all at once.
    pub(crate) fn next(&mut self, jitter: f64) -> Duration {
        let whole = self.next;
        self.next = whole.saturating_mul(2).min(self.max);
        let half = whole / 2;
        half + half.mul_f64(jitter.clamp(0.0, 1.0))
    }

    /// Begins again with the first delay.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }

    /// The longest delay.
    pub(crate) fn max(&self) -> Duration {
        self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FIRST: Duration = Duration::from_millis(500);
    const MAX: Duration = Duration::from_secs(30);

    #[test]
    fn delays_double_up_to_the_longest_and_begin_again() {
        let mut backoff = Backoff::new(FIRST, MAX);
        let delays: Vec<_> = (0..8).map(|_| backoff.next(1.0).as_millis()).collect();
        assert_eq!(delays, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
        backoff.reset();
        assert_eq!(backoff.next(1.0), FIRST);
    }

    #[test]
    fn a_delay_without_bound_does_not_overflow() {
        let mut backoff = Backoff::new(Duration::MAX / 2, Duration::MAX);
        for _ in 0..3 {
            backoff.next(0.5);
        }
        assert_eq!(backoff.next(0.0), Duration::MAX / 2);
    }

    proptest! {
        #[test]
        fn jitter_takes_at_most_half(jitter in 0.0..1.0, steps in 0..20_usize) {
            let (mut whole, mut jittered) = (Backoff::new(FIRST, MAX), Backoff::new(FIRST, MAX));
            for _ in 0..steps {
                let (whole, delay) = (whole.next(1.0), jittered.next(jitter));
                prop_assert!(whole / 2 <= delay && delay <= whole);
            }
        }
    }
}
