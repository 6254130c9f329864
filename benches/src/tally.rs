//! What was counted while a load played.

use hdrhistogram::Histogram;
use std::time::Duration;

/// Latencies above are counted as this; none that is sound comes near.
const LATENCY_MAX: Duration = Duration::from_secs(60);

/// Messages that arrived, and how long each was under way.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    pub(crate) messages: u64,
    pub(crate) elapsed: Duration,
    /// Nanoseconds from the send to the receipt, with three digits.
    pub(crate) latency: Histogram<u64>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        let latency = Histogram::new_with_max(LATENCY_MAX.as_nanos() as u64, 3);
        let latency = latency.expect("a minute in nanoseconds with three digits is in range");
        Self { messages: 0, elapsed: Duration::ZERO, latency }
    }

    pub(crate) fn count(&mut self, latency: Duration) {
        self.messages += 1;
        self.latency.saturating_record(latency.as_nanos() as u64);
    }

    /// Messages a second.
    pub(crate) fn rate(&self) -> f64 {
        self.messages as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency that `share` of the messages did not exceed.
    pub(crate) fn latency_at(&self, share: f64) -> Duration {
        Duration::from_nanos(self.latency.value_at_quantile(share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_quantiles() {
        let mut tally = Tally::new();
        for micros in 1..=100 {
            tally.count(Duration::from_micros(micros));
        }
        tally.elapsed = Duration::from_millis(500);
        assert_eq!(tally.rate(), 200.0);
        let off = tally.latency_at(0.5).as_nanos().abs_diff(50_000);
        assert!(off < 100, "{:?}", tally.latency_at(0.5));
        tally.count(Duration::from_secs(3600));
        assert!(tally.latency_at(1.0) >= LATENCY_MAX);
    }
}
