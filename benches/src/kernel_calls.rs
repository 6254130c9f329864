//! What the loops of a reactor have asked of the kernel, by their own counters.

use reactor::LoopHandle;
use std::fmt;
use std::io;
use std::ops::AddAssign;
use std::str::FromStr;

/// System calls of some loops, and what they read by them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelCalls {
    reads: u64,
    writes: u64,
    waits: u64,
    wakeups: u64,
    /// Bytes that the reads brought.
    bytes: u64,
}

impl KernelCalls {
    /// Those of `loops` so far.
    pub fn of(loops: &[LoopHandle]) -> Self {
        let mut calls = Self::default();
        for stats in loops.iter().map(LoopHandle::stats) {
            calls.reads += stats.reads;
            calls.writes += stats.writes;
            calls.waits += stats.turns;
            calls.wakeups += stats.wakeups;
            calls.bytes += stats.bytes_read;
        }
        calls
    }

    /// Those since `before`, which was taken of the same loops.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            reads: self.reads - before.reads,
            writes: self.writes - before.writes,
            waits: self.waits - before.waits,
            wakeups: self.wakeups - before.wakeups,
            bytes: self.bytes - before.bytes,
        }
    }

    /// Reads, writes, waits and wake-ups for each block of so many bytes.
    pub(crate) fn a_block(self, block_bytes: usize) -> [f64; 4] {
        let blocks = self.bytes as f64 / block_bytes as f64;
        [self.reads, self.writes, self.waits, self.wakeups].map(|calls| calls as f64 / blocks)
    }
}

impl AddAssign for KernelCalls {
    fn add_assign(&mut self, other: Self) {
        self.reads += other.reads;
        self.writes += other.writes;
        self.waits += other.waits;
        self.wakeups += other.wakeups;
        self.bytes += other.bytes;
    }
}

impl fmt::Display for KernelCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reads, writes, waits, wakeups, bytes } = self;
        write!(f, "{reads} reads, {writes} writes, {waits} waits, {wakeups} wakeups, {bytes} bytes")
    }
}

impl FromStr for KernelCalls {
    type Err = io::Error;

    fn from_str(line: &str) -> io::Result<Self> {
        let parse = || {
            let mut parts = line.trim_end().split(", ");
            let mut next = |unit| parts.next()?.strip_suffix(unit)?.parse().ok();
            let (reads, writes) = (next(" reads")?, next(" writes")?);
            let (waits, wakeups, bytes) = (next(" waits")?, next(" wakeups")?, next(" bytes")?);
            Some(Self { reads, writes, waits, wakeups, bytes })
        };
        parse().ok_or_else(|| io::Error::other(format!("no counters: {line:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: KernelCalls =
        KernelCalls { reads: 10, writes: 20, waits: 30, wakeups: 40, bytes: 50 };

    #[test]
    fn what_is_printed_can_be_read() {
        assert_eq!(format!("{BEFORE}\n").parse::<KernelCalls>().unwrap(), BEFORE);
        for odd in ["", "1 reads", "1 writes, 2 reads, 3 waits, 4 wakeups, 5 bytes"] {
            assert!(odd.parse::<KernelCalls>().is_err(), "{odd}");
        }
    }

    #[test]
    fn calls_are_told_by_the_block() {
        let mut sum = KernelCalls::default();
        let after = KernelCalls { reads: 14, writes: 22, waits: 31, wakeups: 40, bytes: 178 };
        sum += after.since(BEFORE);
        sum += after.since(BEFORE);
        assert_eq!(sum.a_block(64), [2.0, 1.0, 0.5, 0.0]);
    }
}
