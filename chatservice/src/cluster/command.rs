//! What loops, the subscription and the store say to the member, and what it says to the loops.

use std::time::Instant;

use chatproto::UserId;

use super::parcel::Parcels;
use crate::chat::{Claim, ConnId, LaneKey, Located, LoginId, NodeId, PeerMessage, Place};
use crate::storage::{Arrival, RowId};

/// To the member.
#[derive(Debug)]
pub enum Command {
    /// Messages to the shards of another node, in order.
    Send {
        /// Which.
        node: NodeId,
        /// The epoch that the sender knows; what belongs to an earlier one is dropped, since the
        /// sender will say it again.
        epoch: u32,
        /// What.
        parcels: Parcels,
    },
    /// A loop had to drop what it had for this node: too much was waiting here.
    Overflowed(NodeId),
    /// → [`Notice::Located`]. Only for users who are not on this node.
    Locate {
        /// The loop that asks.
        shard: u16,
        /// For which lane.
        lane: LaneKey,
    },
    /// → [`Notice::Claimed`].
    Claim {
        /// Where.
        place: Place,
        /// Who.
        user: UserId,
        /// Even if it is online elsewhere.
        force: bool,
    },
    /// The place was left.
    Release {
        /// Where.
        place: Place,
        /// Who.
        user: UserId,
        /// Whether something is still owed.
        owing: bool,
    },
    /// → [`Notice::Present`].
    Presence {
        /// The loop that asks.
        shard: u16,
        /// For whom.
        conn: ConnId,
        /// Ascending.
        users: Vec<UserId>,
    },
    /// → [`Notice::Announced`].
    Announce {
        /// The loop that asks.
        shard: u16,
        /// For whom.
        login: LoginId,
        /// See [`crate::chat::Effect::Announce`].
        join: u64,
        /// What.
        message: PeerMessage,
    },
    /// Another node misses something that was sent to it in this epoch.
    RestartAsked(NodeId, u32),
    /// Something of what that node sent in this epoch is missing.
    AskRestart(NodeId, u32),
    /// This node heard itself.
    Echoed(u64),
    /// The subscription is over; another one is being made.
    Deaf,
    /// It is made.
    Listening,
    /// The answer to [`Look`]; `Err` when the store did not answer.
    Looked(Result<Found, ()>),
}

/// What the store said.
#[derive(Debug)]
pub enum Found {
    /// The newest row, to a question without a start.
    Newest(RowId),
    /// Ascending by row.
    Rows(Vec<Arrival>),
}

/// A question to the store: rows above this one, or only the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look(pub Option<RowId>);

/// To whom a [`Notice`] goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// One loop.
    Shard(u16),
    /// All of this node.
    Everyone,
}

/// To loops.
#[derive(Clone, Debug)]
pub enum Notice {
    /// For `handle_located`.
    Located(LaneKey, Located),
    /// For `handle_claim`.
    Claimed(LoginId, UserId, Claim),
    /// For `handle_presence`.
    Present(ConnId, Vec<UserId>),
    /// For `handle_announced`: so many nodes heard it, this one too if it hears itself.
    Announced {
        /// Who asked, …
        login: LoginId,
        /// … about which join.
        join: u64,
        /// So many.
        nodes: usize,
    },
    /// For `handle_looked`: a look at the store that was answered began then.
    Looked(Instant),
    /// For `handle_peer`.
    Peer(PeerMessage),
    /// For `handle_link_lost`.
    LinkLost {
        /// Between this node and that one.
        node: NodeId,
        /// What is sent from now on belongs to this epoch; `None` when that stays.
        epoch: Option<u32>,
    },
    /// For `handle_unreachable`.
    Unreachable {
        /// Who.
        node: NodeId,
        /// What is sent from now on belongs to this epoch.
        epoch: u32,
    },
}
