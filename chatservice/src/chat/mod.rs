//! All chat rules, and nothing else: what clients say goes in, [`Effect`]s come out.
//!
//! ```text
//!              bytes           ┌──────────────────── Shard ────────────────────┐
//!  connection ───────► Session │ requests ─► Ledger ──deliver──► Inbox ─► bytes │ ───► connection
//!  worker ───answer──►         │             (what is owed)      (what is shown)│ ───► worker
//!  other shard ─peer─►         └───────────────◄──settled──────────┘           │ ───► other shard
//! ```
//!
//! Nothing here knows a socket, thread, clock, file or random source: time and randomness are
//! arguments. A [`Shard`] holds the sessions of one loop; late answers come in again by its
//! `handle_*` methods. `server/` carries the effects out, simulations do so without a network.

pub mod deadlines;
pub mod effect;
pub mod effects;
pub mod ledger;
pub mod inbox;
pub mod groups;
pub mod mids;
pub mod sid;
pub mod token;
pub mod throttle;
pub mod session;
pub mod core;
pub mod shard;
mod login;
mod register;
mod contacts;
mod sending;

pub use effect::{
    Claim, ConnId, Effect, LaneKey, Located, LoginId, NodeId, PeerMessage, Place, ShardId, Ticket,
};
pub use effects::Effects;
pub use shard::Shard;

use std::time::Instant;

/// The time at which something happens, by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Never goes back; all deadlines are counted by it.
    pub instant: Instant,
    /// Milliseconds since 1970 by the wall clock; for ids and the `time` of messages only.
    pub unix_ms: u64,
}
