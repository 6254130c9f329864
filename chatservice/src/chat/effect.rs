//! What a shard wants done, as data: the only way out of the chat rules.

use core::fmt;
use core::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use chatproto::{Errno, GroupId, UserId};
use serde::{Deserialize, Serialize};

use crate::message::{Message, Sid};
use crate::storage::{Request, RowId};

/// A connection of one shard; never used again for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConnId(pub u64);

/// One login at a connection. Another login there, of the same user or of another, is another
/// one: what was meant for the first never reaches the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LoginId {
    /// Where.
    pub conn: ConnId,
    /// Logins of the shard, counted.
    pub number: u64,
}

/// One start of one server: a random number, so that nothing that was meant for a process reaches
/// the next one in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub u64);

impl NodeId {
    /// The name of a node that has no others.
    pub const ALONE: Self = Self(0);
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One of the shards of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ShardId {
    /// Of which node.
    pub node: NodeId,
    /// Counted from 0.
    pub index: u16,
}

/// Where a user's session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The shard that holds it.
    pub shard: ShardId,
    /// The login there.
    pub login: LoginId,
}

/// All that one sender sends to one recipient; order is kept along it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LaneKey {
    /// Who sends.
    pub sender: UserId,
    /// Who receives.
    pub recipient: UserId,
}

/// Who asked, so that the answer of a worker finds its way back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ticket {
    /// The request that a session waits for.
    Session(ConnId),
    /// Rows for, or into, a session's inbox.
    Inbox(LoginId),
    /// Rows taken out for a session that acknowledged them.
    Removal(LoginId, Vec<Sid>),
    /// A deposit by the sender's side.
    Lane(LaneKey),
    /// A join, whose outcome matters even when the session is gone.
    Join {
        /// The session.
        login: LoginId,
        /// Who joins.
        user: UserId,
        /// What.
        group: GroupId,
    },
    /// The members of a group that is being cached.
    Group(GroupId),
    /// All that a session before wanted written; whoever has the account now waits for it.
    Evicted {
        /// The session that is over.
        old: LoginId,
        /// The one that waits.
        by: Place,
    },
    /// All that a session wanted written when its user left it.
    Flushed(LoginId),
    /// Nobody waits for the answer.
    Nobody,
}

/// The outcome of [`Effect::Claim`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The account is online here now. The session before this one is named if it is still
    /// there, or has messages unsettled.
    Granted(Option<Place>),
    /// The account is online elsewhere and stays there.
    Taken,
}

/// The outcome of [`Effect::Locate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Located {
    /// Online there, as far as can be known.
    At(Place),
    /// Online nowhere.
    Offline,
    /// Not on this node; whether on another cannot be told now.
    Unknown,
}

/// Something that is limited by account or address; see [`super::throttle`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// A login with a password.
    Login(UserId),
    /// A registration.
    Registration,
}

/// The outcome of [`Effect::Admit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Go on now.
    Now,
    /// Go on after a pause.
    After(Duration),
    /// Refuse; another attempt may be made after this time.
    Refused(Duration),
}

/// How a debt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Settlement {
    /// The recipient has it.
    Delivered,
    /// A committed row holds it.
    Stored,
    /// It was dropped; the sender is told.
    Refused(Refusal),
}

/// Why a message could not be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// The store does not answer or refuses.
    StoreUnavailable,
    /// The recipient's queue is full.
    MailboxFull,
    /// Too much waits for the recipient at once.
    Swamped,
    /// There is no such account.
    NoSuchUser,
}

impl Refusal {
    /// The number on the wire.
    pub fn errno(self) -> Errno {
        match self {
            Self::StoreUnavailable | Self::MailboxFull => Errno::StoreUnavailable,
            Self::Swamped => Errno::Busy,
            Self::NoSuchUser => Errno::NoSuchUser,
        }
    }

    /// The text on the wire.
    pub fn text(self) -> &'static str {
        match self {
            Self::StoreUnavailable => "the store cannot take it now, try again",
            Self::MailboxFull => "too many messages wait for a recipient, try again later",
            Self::Swamped => "too much is on its way to a recipient, try again",
            Self::NoSuchUser => "no such user",
        }
    }
}

/// What shards say to each other. Between two shards it arrives in order. Within a node it is not
/// lost; between nodes it may be, of which both sides are told (see
/// [`super::Shard::handle_link_lost`]).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum PeerMessage {
    /// From the sender's side to the recipient's: push this.
    Deliver {
        /// The recipient's session.
        to: LoginId,
        /// Which lane it belongs to.
        lane: LaneKey,
        /// Where the answer goes.
        home: ShardId,
        /// It may be there already.
        again: bool,
        /// What.
        message: Arc<Message>,
    },
    /// From the recipient's side: this debt ended.
    Settled {
        /// Whose.
        lane: LaneKey,
        /// Which.
        sid: Sid,
        /// How.
        how: Settlement,
    },
    /// From the recipient's side: the session that this was sent to is not there.
    NotHere {
        /// Whose.
        lane: LaneKey,
        /// Where it was sent.
        from: Place,
    },
    /// Rows were committed for a user who is online: fetch them.
    Mail {
        /// The recipient's session.
        to: LoginId,
        /// The first of the new rows.
        first: RowId,
        /// Which lane wants to know that it is known, …
        lane: LaneKey,
        /// … and where that is.
        home: ShardId,
    },
    /// Answer to [`PeerMessage::Mail`]: the rows are shown before anything that comes later.
    MailTaken {
        /// Whose.
        lane: LaneKey,
        /// The session that knows.
        from: Place,
    },
    /// Rows for a user who is online were found: fetch them.
    Arrived {
        /// The recipient's session.
        to: LoginId,
        /// The first of them.
        first: RowId,
    },
    /// The account has moved to another session.
    Evict {
        /// The session that lost it.
        to: LoginId,
        /// The session that has it now.
        by: Place,
    },
    /// Answer to [`PeerMessage::Evict`]: the old session is over, and all that it wants written
    /// is on its way.
    Evicted {
        /// Who waits.
        to: LoginId,
        /// Whether all that the user sent from it is settled; if not,
        /// [`PeerMessage::SenderSettled`] follows.
        settled: bool,
    },
    /// The account has another session, which does not wait for this one.
    Superseded {
        /// The session that lost it.
        to: LoginId,
        /// The session that has it.
        by: Place,
    },
    /// All that the user sent from its session before is settled.
    SenderSettled {
        /// The session that waits to send.
        to: LoginId,
    },
    /// A group got a member. It goes from each shard of a node to the next one.
    Joined {
        /// The group.
        group: GroupId,
        /// Who joined.
        user: UserId,
        /// Who is to be told when the last shard of the node knows, …
        asker: Place,
        /// … and of which of its joins.
        join: u64,
    },
    /// Somebody may have joined the group, or not: ask the store before using it again.
    GroupInDoubt {
        /// The group.
        group: GroupId,
    },
    /// Answer to [`PeerMessage::Joined`]: one node knows.
    JoinKnown {
        /// Who waits.
        to: LoginId,
        /// For which of its joins.
        join: u64,
    },
}

impl PeerMessage {
    /// Whether somebody waits for an answer, and hears when it does not arrive.
    pub fn wants_answer(&self) -> bool {
        matches!(self, Self::Deliver { .. } | Self::Mail { .. } | Self::Evict { .. })
    }

    /// The login whose place it was sent to, for what looks for a user there.
    pub(super) fn place(&self) -> Option<LoginId> {
        match self {
            Self::Deliver { to, .. }
            | Self::Mail { to, .. }
            | Self::Arrived { to, .. }
            | Self::Evict { to, .. }
            | Self::Superseded { to, .. } => Some(*to),
            _ => None,
        }
    }
}

/// Something to be done outside.
#[derive(Clone)]
pub enum Effect {
    /// Queue bytes of [`Effects::bytes`](super::Effects::bytes) on a connection.
    Send {
        /// Which.
        conn: ConnId,
        /// Where in the arena they are.
        bytes: Range<usize>,
    },
    /// Close once everything queued is written.
    Close(ConnId),
    /// Stop handing in bytes of this connection.
    PauseReading(ConnId),
    /// Hand them in again, first what is left over.
    ResumeReading(ConnId),
    /// Hand in what is left over once more, after others had their turn.
    ReadAgain(ConnId),
    /// For the worker threads; the answer comes to `handle_answer`.
    Work {
        /// Comes back with the answer.
        ticket: Ticket,
        /// What.
        request: Request,
    },
    /// Make `user` online at `login`; the answer comes to `handle_claim`.
    Claim {
        /// The session that wants it.
        login: LoginId,
        /// The account.
        user: UserId,
        /// Even if it is online elsewhere.
        force: bool,
    },
    /// `user` is no longer online at `login`; nothing happens when it is online elsewhere by now.
    Release {
        /// The session that gives it up.
        login: LoginId,
        /// The account.
        user: UserId,
        /// Not all that it sent there is settled: the next session is to hear of it, see
        /// [`Claim::Granted`].
        owing: bool,
    },
    /// All that `user` sent from `login` is settled.
    Settled {
        /// The session that is over.
        login: LoginId,
        /// The account.
        user: UserId,
    },
    /// Where is the recipient? The answer comes to `handle_located`.
    Locate(LaneKey),
    /// Which of these are online? The answer comes to `handle_presence`.
    Presence {
        /// The session that asks.
        conn: ConnId,
        /// About whom; ascending, without repeats.
        users: Vec<UserId>,
    },
    /// May this go on? The answer comes to `handle_admission`.
    Admit {
        /// The session that asks.
        conn: ConnId,
        /// Its address; `None` for addresses that limits leave out.
        address: Option<IpAddr>,
        /// What is to be done.
        attempt: Attempt,
    },
    /// How an admitted login went.
    LoginEnded {
        /// The account that was tried.
        user: UserId,
        /// From where; `None` as for [`Effect::Admit`].
        address: Option<IpAddr>,
        /// Whether the password was right.
        success: bool,
    },
    /// The connection logged in or out: what counts connections without login wants to know.
    LoggedIn {
        /// Which.
        conn: ConnId,
        /// In or out.
        online: bool,
    },
    /// Hand to another shard's `handle_peer`; it may be one of another node.
    Peer {
        /// Which.
        to: ShardId,
        /// What.
        message: PeerMessage,
    },
    /// Hand to all other nodes: there to the first shard, which passes it on.
    Announce {
        /// The session that wants to know by `handle_announced` how many nodes that are.
        login: LoginId,
        /// Which of the joins here it is about.
        join: u64,
        /// What.
        message: PeerMessage,
    },
}
