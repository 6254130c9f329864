//! How many messages wait for the accounts that were written to lately, so that a deposit need
//! not count them. Another node may have changed a queue meanwhile. What it took out makes a count
//! too high, which is noticed when a limit seems to be reached: then all rows are counted. What it
//! added has an id above the highest that was seen here, since ids of one recipient ascend in the
//! order of commits: only such rows are counted then. So limits are exact on any number of nodes.

use chatproto::UserId;
use rustc_hash::FxHashMap;

use crate::storage::RowId;

/// About 3 MiB; when more accounts are touched, all are forgotten and counted anew.
const ACCOUNTS_MAX: usize = 65_536;

/// What is known of one queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count {
    /// At least as many as there are, if nobody else added one.
    pub(super) waiting: usize,
    /// The highest id that it ever had.
    pub(super) last: RowId,
}

/// Bounded memory of counts.
#[derive(Default)]
pub(super) struct RowCounts {
    counts: FxHashMap<UserId, Count>,
}

impl RowCounts {
    pub(super) fn get(&self, recipient: UserId) -> Option<Count> {
        self.counts.get(&recipient).copied()
    }

    pub(super) fn set(&mut self, recipient: UserId, count: Count) {
        if self.counts.len() >= ACCOUNTS_MAX && !self.counts.contains_key(&recipient) {
            self.counts.clear();
        }
        self.counts.insert(recipient, count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_bounded() {
        let mut counts = RowCounts::default();
        let count = Count { waiting: 5, last: RowId(7) };
        for id in 1..=ACCOUNTS_MAX as i64 + 1 {
            counts.set(UserId(id), count);
            assert!(counts.counts.len() <= ACCOUNTS_MAX);
        }
        assert_eq!(counts.get(UserId(1)), None);
        assert_eq!(counts.get(UserId(ACCOUNTS_MAX as i64 + 1)), Some(count));
    }
}
