//! How long to wait before connecting again.

use std::time::Duration;

/// Most waits are far shorter: the mean of the n-th is half of `FIRST * 2^n`.
const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(30);

/// Exponential backoff with full jitter, so that clients of a server that died do not all return
/// at the same moment.
#[derive(Debug)]
pub(crate) struct Backoff {
    ceiling: Duration,
    random: fastrand::Rng,
}

impl Backoff {
    pub(crate) fn new(seed: u64) -> Self {
        Self { ceiling: FIRST, random: fastrand::Rng::with_seed(seed) }
    }

    pub(crate) fn next_wait(&mut self) -> Duration {
        let wait = self.ceiling.mul_f64(self.random.f64());
        self.ceiling = (self.ceiling * 2).min(LONGEST);
        wait
    }

    pub(crate) fn reset(&mut self) {
        self.ceiling = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_a_bound_and_start_again() {
        let mut backoff = Backoff::new(1);
        let mut ceiling = FIRST;
        for _ in 0..20 {
            assert!(backoff.next_wait() <= ceiling);
            ceiling = (ceiling * 2).min(LONGEST);
        }
        let late: Vec<_> = (0..50).map(|_| backoff.next_wait()).collect();
        assert!(late.iter().any(|wait| *wait > LONGEST / 2), "{late:?}");
        assert!(late.iter().all(|wait| *wait <= LONGEST), "{late:?}");
        backoff.reset();
        assert!(backoff.next_wait() <= FIRST);
    }
}
