//! Which way the debts of a lane go.

use std::time::Instant;

use crate::chat::effect::Place;
use crate::message::Sid;
use crate::storage::RowId;

/// See the module.
#[derive(Debug)]
pub(super) enum Way {
    /// Nothing was owed yet.
    Unknown,
    /// It is being asked where the recipient is; debts wait.
    Locating,
    /// Debts are sent to this session as they come.
    Live(Place),
    /// The first debts are in a deposit; those behind wait for its commit.
    Depositing(Batch),
    /// They are committed, and those behind wait until the recipient cannot miss them.
    Mailing(Mailing),
}

/// What is in a deposit.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) sids: Vec<Sid>,
    /// Those that the recipient turned out to have; a debt that ended as a row is none of them,
    /// since both sides may have written the same row.
    pub(super) delivered: Vec<Sid>,
}

/// Rows that an online recipient has to hear of before their senders are answered: it may have
/// read its rows before they came, and what is sent after an answer must not overtake them.
#[derive(Debug)]
pub(super) struct Mailing {
    pub(super) committed: Vec<(Sid, RowId)>,
    /// The session that was told of them, if it is known.
    pub(super) told: Option<Place>,
    /// By then every node has looked for new rows by itself.
    pub(super) until: Instant,
}

impl Mailing {
    /// The first of the rows that are still needed.
    pub(super) fn first(&self) -> Option<RowId> {
        self.committed.iter().map(|(_, row)| *row).min()
    }

    /// The row of a message is not needed any more.
    pub(super) fn take(&mut self, sid: Sid) -> Vec<RowId> {
        let found = self.committed.extract_if(.., |(committed, _)| *committed == sid);
        found.map(|(_, row)| row).collect()
    }
}
