//! How many messages wait for the accounts that were written to lately, so that a deposit need
//! not count them. Belongs to the writing connection: nobody else adds or removes rows.

use chatproto::UserId;
use rustc_hash::FxHashMap;

/// About 2 MiB; when more accounts are touched, all are forgotten and counted anew.
const ACCOUNTS_MAX: usize = 65_536;

/// Bounded memory of row counts. An entry also says that the account exists.
#[derive(Default)]
pub(super) struct RowCounts {
    waiting: FxHashMap<UserId, usize>,
}

impl RowCounts {
    pub(super) fn get(&self, recipient: UserId) -> Option<usize> {
        self.waiting.get(&recipient).copied()
    }

    pub(super) fn set(&mut self, recipient: UserId, rows: usize) {
        if self.waiting.len() >= ACCOUNTS_MAX && !self.waiting.contains_key(&recipient) {
            self.waiting.clear();
        }
        self.waiting.insert(recipient, rows);
    }

    /// Corrects the count if it is known.
    pub(super) fn removed(&mut self, recipient: UserId, rows: usize) {
        if let Some(waiting) = self.waiting.get_mut(&recipient) {
            *waiting = waiting.saturating_sub(rows);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_stays_bounded() {
        let mut counts = RowCounts::default();
        counts.removed(UserId(1), 1);
        assert_eq!(counts.get(UserId(1)), None);
        counts.set(UserId(1), 5);
        counts.removed(UserId(1), 2);
        assert_eq!(counts.get(UserId(1)), Some(3));
        for id in 1..=ACCOUNTS_MAX as i64 + 1 {
            counts.set(UserId(id), 0);
            assert!(counts.waiting.len() <= ACCOUNTS_MAX);
        }
        assert_eq!(counts.get(UserId(1)), None);
        assert_eq!(counts.get(UserId(ACCOUNTS_MAX as i64 + 1)), Some(0));
    }
}
