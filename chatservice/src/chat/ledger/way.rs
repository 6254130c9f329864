//! Which way the debts of a lane go.

use std::time::{Duration, Instant};

use super::Looks;
use crate::chat::effect::Place;
use crate::message::Sid;
use crate::storage::RowId;

/// See the module. What is large is boxed: nearly all lanes are live.
#[derive(Debug)]
pub(super) enum Way {
    /// Nothing was owed yet.
    Unknown,
    /// It is being asked where the recipient is; debts wait.
    Locating,
    /// Debts are sent to this session as they come.
    Live(Place),
    /// The first debts are in a deposit; those behind wait for its commit.
    Depositing(Box<Batch>),
    /// They are committed, and those behind wait until the recipient cannot miss them.
    Mailing(Box<Mailing>),
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
    /// By then every node has looked for new rows by itself, if the store answered.
    pub(super) until: Instant,
}

/// Nodes look for new rows every second; so long after a commit each has done so, and has had the
/// answer.
pub(super) const SEEN_WITHIN: Duration = Duration::from_secs(3);
/// Between two looks of a node.
const LOOKS_EVERY: Duration = Duration::from_secs(1);

impl Mailing {
    /// The first of the rows that are still needed.
    pub(super) fn first(&self) -> Option<RowId> {
        self.committed.iter().map(|(_, row)| *row).min()
    }

    /// Whether every node has seen the rows: the store answered this one a little while ago, long
    /// enough after the commit, and since then the others have looked as well.
    pub(super) fn is_seen(&self, looks: Looks) -> bool {
        match looks {
            Looks::NotNeeded => true,
            Looks::Never => false,
            Looks::Last(began) => began + LOOKS_EVERY >= self.until,
        }
    }

    /// The row of a message is not needed any more.
    pub(super) fn take(&mut self, sid: Sid) -> Vec<RowId> {
        let found = self.committed.extract_if(.., |(committed, _)| *committed == sid);
        found.map(|(_, row)| row).collect()
    }
}
