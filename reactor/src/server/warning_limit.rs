//! Keeps the network from filling the log. Pure.

use std::time::{Duration, Instant};

/// Warnings of one kind are at least this far apart; what happens in between is only counted.
const INTERVAL: Duration = Duration::from_secs(1);

/// Lets one warning through in each interval.
#[derive(Debug, Default)]
pub(crate) struct WarningLimit {
    last: Option<Instant>,
}

impl WarningLimit {
    /// Whether to warn now.
    pub(crate) fn allow(&mut self, now: Instant) -> bool {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < INTERVAL) {
            return false;
        }
        self.last = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_warning_an_interval() {
        let start = Instant::now();
        let mut limit = WarningLimit::default();
        assert!(limit.allow(start));
        assert!(!limit.allow(start));
        assert!(!limit.allow(start + INTERVAL / 2));
        assert!(limit.allow(start + INTERVAL));
        assert!(!limit.allow(start + INTERVAL + INTERVAL / 2));
    }
}
