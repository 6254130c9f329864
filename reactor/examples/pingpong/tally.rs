//! What came back.

use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) elapsed: Duration,
    /// Blocks, by the microseconds that each took.
    latencies: BTreeMap<u64, u64>,
}

impl Tally {
    pub(crate) fn count(&mut self, latency: Duration) {
        *self.latencies.entry(latency.as_micros() as u64).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.elapsed = self.elapsed.max(other.elapsed);
        for (micros, blocks) in other.latencies {
            *self.latencies.entry(micros).or_default() += blocks;
        }
    }

    pub(crate) fn blocks(&self) -> u64 {
        self.latencies.values().sum()
    }

    /// The latency that so many percent of the blocks did not exceed.
    pub(crate) fn percentile(&self, percent: u64) -> Duration {
        let mut left = (self.blocks() * percent).div_ceil(100);
        let micros = self.latencies.iter().find_map(|(&micros, &blocks)| {
            left = left.saturating_sub(blocks);
            (left == 0).then_some(micros)
        });
        Duration::from_micros(micros.unwrap_or_default())
    }
}
