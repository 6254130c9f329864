//! What a member asks of Redis, as data; who carries it out pipelines all of it.

use std::time::Duration;

use chatproto::UserId;

use super::holding::Holding;
use crate::chat::{NodeId, Place};

/// How long a node counts as alive after it renewed its lease: a user of a node that died can log
/// in again within 5 seconds, the next renewal of another node's view included.
pub const LEASE: Duration = Duration::from_millis(4000);
/// How long a user's holding stays when nobody refreshes it; only what dead nodes left behind ends
/// this way.
pub const HOLDING_TTL: Duration = Duration::from_secs(200);
/// The same for one who left owing: longer than anything takes that is owed.
pub const OWING_TTL: Duration = Duration::from_secs(15);

/// To whom a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// One node.
    Node(NodeId),
    /// All, the sender included.
    All,
}

/// One question, answered by the [`Reply`] of the same place in the pipeline. Each touches one
/// key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// → [`Reply::Receivers`].
    Publish(Channel, Vec<u8>),
    /// Renews this node's lease and asks who is alive. → [`Reply::Roster`].
    Renew,
    /// Ends this node's lease. → [`Reply::Done`].
    Leave,
    /// Who has these users? → [`Reply::Holdings`].
    Holdings(Vec<UserId>),
    /// Takes a user if nobody has it online, or if it is at `instead_of`, or in any case with
    /// `force`. → [`Reply::Claimed`].
    Claim {
        /// Who.
        user: UserId,
        /// For whom.
        mine: Holding,
        /// In any case.
        force: bool,
        /// Known to be over.
        instead_of: Option<Holding>,
    },
    /// Takes a user unless somebody else took it later. → [`Reply::Asserted`].
    Assert {
        /// Who.
        user: UserId,
        /// Since when.
        mine: Holding,
    },
    /// Gives a user up, if this place still has it. → [`Reply::Done`].
    Release {
        /// Who.
        user: UserId,
        /// From where.
        place: Place,
        /// Whether it still owes something.
        owing: bool,
    },
}

/// The answer to a [`Call`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// So many heard it.
    Receivers(usize),
    /// Who is alive.
    Roster {
        /// Whether this node's lease was still there.
        renewed: bool,
        /// All of them, this one included.
        alive: Vec<NodeId>,
        /// For how long Redis has known anything of this cluster.
        age: Duration,
    },
    /// In the order of the question.
    Holdings(Vec<Option<Holding>>),
    /// Whether it was taken, and who had it.
    Claimed {
        /// It was.
        granted: bool,
        /// Before.
        before: Option<Holding>,
    },
    /// Whether it is ours now, and who else had it.
    Asserted {
        /// It is.
        kept: bool,
        /// Somebody else, before or still.
        other: Option<Holding>,
    },
    /// Nothing to tell.
    Done,
    /// Redis refused.
    Failed,
}
