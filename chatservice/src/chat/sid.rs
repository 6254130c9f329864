//! Makes message ids: (time, origin, counter), ascending even when the wall clock is set back.

use crate::message::Sid;

/// One source for each shard.
#[derive(Debug)]
pub struct SidSource {
    origin: u16,
    unix_ms: u64,
    counter: u32,
}

impl SidSource {
    /// `origin` tells the shards of all nodes apart.
    pub fn new(origin: u16) -> Self {
        Self { origin, unix_ms: 0, counter: 0 }
    }

    /// The next id, above all that this source made before.
    pub fn next(&mut self, unix_ms: u64) -> Sid {
        if unix_ms > self.unix_ms {
            self.unix_ms = unix_ms;
            self.counter = 0;
        } else if self.counter == u32::MAX {
            self.unix_ms += 1;
            self.counter = 0;
        } else {
            self.counter += 1;
        }
        let time = u128::from(self.unix_ms & 0xffff_ffff_ffff);
        Sid(time << 48 | u128::from(self.origin) << 32 | u128::from(self.counter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend_even_when_the_clock_goes_back() {
        let mut source = SidSource::new(3);
        let ids: Vec<_> = [10, 10, 9, 11, 5].map(|ms| source.next(ms)).to_vec();
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    }

    #[test]
    fn sources_of_different_origin_never_make_the_same_id() {
        assert_ne!(SidSource::new(1).next(7), SidSource::new(2).next(7));
    }
}
