//! A store that lies: of one message in so many it says that it holds it, and forgets it. The suite
//! must find a server that is built on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chatproto::{GroupId, UserId};
use chatservice::storage::{
    Arrival, Credentials, Outcome, PageLimit, Profile, Row, RowId, Store, StoreError, Write,
};

/// Passes everything on to a store that does not lie.
pub struct LosingStore {
    honest: Arc<dyn Store>,
    one_in: u64,
    deposited: AtomicU64,
}

impl LosingStore {
    /// Forgets one in `one_in` messages, beginning with number `first`, which is not above that.
    pub fn new(honest: Arc<dyn Store>, one_in: u64, first: u64) -> Self {
        Self { honest, one_in, deposited: AtomicU64::new(one_in.saturating_sub(first)) }
    }

    /// Takes back, in the same commit, what is to be lost.
    fn withdrawals(&self, writes: &[Write]) -> Vec<Write> {
        let mut withdrawals = Vec::new();
        for write in writes {
            let Write::Deposit { recipient, messages } = write else { continue };
            let lost = messages.iter().filter(|_| {
                let number = self.deposited.fetch_add(1, Ordering::Relaxed) + 1;
                number.is_multiple_of(self.one_in)
            });
            let messages: Vec<_> = lost.cloned().collect();
            if !messages.is_empty() {
                withdrawals.push(Write::Withdraw { recipient: *recipient, messages });
            }
        }
        withdrawals
    }
}

impl Store for LosingStore {
    fn credentials(&self, user: UserId) -> Result<Option<Credentials>, StoreError> {
        self.honest.credentials(user)
    }

    fn profile(&self, user: UserId, members_max: usize) -> Result<Profile, StoreError> {
        self.honest.profile(user, members_max)
    }

    fn members(&self, group: GroupId) -> Result<Option<Vec<UserId>>, StoreError> {
        self.honest.members(group)
    }

    fn rows(
        &self,
        recipient: UserId,
        after: RowId,
        limit: PageLimit,
    ) -> Result<Vec<Row>, StoreError> {
        self.honest.rows(recipient, after, limit)
    }

    fn arrivals(&self, after: RowId, limit: usize) -> Result<Vec<Arrival>, StoreError> {
        self.honest.arrivals(after, limit)
    }

    fn newest_row(&self) -> Result<RowId, StoreError> {
        self.honest.newest_row()
    }

    fn commit(&self, writes: &[Write]) -> Result<Vec<Outcome>, StoreError> {
        let withdrawals = self.withdrawals(writes);
        if withdrawals.is_empty() {
            return self.honest.commit(writes);
        }
        let mut outcomes = self.honest.commit(&[writes, &withdrawals].concat())?;
        outcomes.truncate(writes.len());
        Ok(outcomes)
    }
}
