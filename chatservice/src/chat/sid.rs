//! Makes message ids: (time, origin, incarnation, counter), ascending even when the wall clock
//! is set back.

use crate::message::Sid;

/// One source for each shard.
#[derive(Debug)]
pub struct SidSource {
    origin: u16,
    /// In the upper bits of the counter's place.
    incarnation: u32,
    unix_ms: u64,
    counter: u32,
}

/// Bits of the counter: a million messages in a millisecond.
const COUNTER_BITS: u32 = 20;

impl SidSource {
    /// `origin` tells the shards of a node apart, and as far as 16 bits do, those of all nodes;
    /// `incarnation`, a random number, this start of the program from others, should the clock have
    /// been set back in between.
    pub fn new(origin: u16, incarnation: u16) -> Self {
        let incarnation = u32::from(incarnation) << COUNTER_BITS;
        Self { origin, incarnation, unix_ms: 0, counter: 0 }
    }

    /// The next id, above all that this source made before.
    pub fn next(&mut self, unix_ms: u64) -> Sid {
        if unix_ms > self.unix_ms {
            self.unix_ms = unix_ms;
            self.counter = 0;
        } else if self.counter + 1 == 1 << COUNTER_BITS {
            self.unix_ms += 1;
            self.counter = 0;
        } else {
            self.counter += 1;
        }
        let time = u128::from(self.unix_ms & 0xffff_ffff_ffff);
        Sid(time << 48
            | u128::from(self.origin) << 32
            | u128::from(self.incarnation | self.counter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend_even_when_the_clock_goes_back() {
        let mut source = SidSource::new(3, 5);
        let ids: Vec<_> = [10, 10, 9, 11, 5].map(|ms| source.next(ms)).to_vec();
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    }

    #[test]
    fn sources_of_different_origin_never_make_the_same_id() {
        assert_ne!(SidSource::new(1, 5).next(7), SidSource::new(2, 5).next(7));
        assert_ne!(SidSource::new(1, 5).next(7), SidSource::new(1, 6).next(7));
    }
}
