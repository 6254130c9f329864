//! A schedule of messages, which are due at a steady rate whatever the server does. No clock in here.

use std::time::{Duration, Instant};

/// See the module.
#[derive(Debug)]
pub(super) struct Pace {
    senders: Vec<usize>,
    start: Instant,
    /// Seconds from one message to the next.
    step: f64,
    taken: u64,
}

impl Pace {
    /// `senders`, at least one, take turns; `rate` messages a second of all together.
    pub(super) fn new(senders: Vec<usize>, rate: f64, start: Instant) -> Self {
        Self { senders, start, step: 1.0 / rate, taken: 0 }
    }

    pub(super) fn senders(&self) -> &[usize] {
        &self.senders
    }

    /// When message `number` is due.
    pub(super) fn due(&self, number: u64) -> Instant {
        self.start + Duration::from_secs_f64(number as f64 * self.step)
    }

    /// When the next one is.
    pub(super) fn next_due(&self) -> Instant {
        self.due(self.taken)
    }

    /// Seconds until it is the same sender's turn again.
    pub(super) fn round(&self) -> f64 {
        self.step * self.senders.len() as f64
    }

    /// Takes the next message if it is due; returns who sends it.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<usize> {
        if self.next_due() > now {
            return None;
        }
        let who = self.senders[(self.taken % self.senders.len() as u64) as usize];
        self.taken += 1;
        Some(who)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_take_turns_at_the_rate() {
        let start = Instant::now();
        let mut pace = Pace::new(vec![5, 6], 100.0, start);
        assert_eq!((pace.take_due(start), pace.take_due(start)), (Some(5), None));
        let later = start + Duration::from_millis(35);
        let due: Vec<_> = std::iter::from_fn(|| pace.take_due(later)).collect();
        assert_eq!(due, [6, 5, 6]);
        assert_eq!(pace.next_due(), start + Duration::from_millis(40));
        assert_eq!(pace.round(), 0.02);
    }
}
