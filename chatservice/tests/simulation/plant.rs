//! Mistakes that are made on purpose: a simulation that cannot find them proves nothing.

use chatservice::chat::PeerMessage;
use fastrand::Rng;

/// What is done wrong, once in a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plant {
    /// Nothing.
    Nothing,
    /// A message from shard to shard is lost …
    LostDeliver,
    LostSettled,
    LostEvict,
    /// … or comes twice.
    RepeatedDeliver,
    /// The store says that it holds messages that it does not hold.
    ForgottenRow,
    /// The store answers before it commits.
    EarlyAnswer,
    /// Removed rows stay.
    KeptRow,
    /// A session that ends takes its user's other session offline.
    WideRelease,
}

/// Once in so many times.
const RATE: u32 = 8;

impl Plant {
    /// How many times `message` arrives.
    pub(crate) fn copies(self, rng: &mut Rng, message: &PeerMessage) -> usize {
        let hit = match message {
            PeerMessage::Deliver { .. } => {
                matches!(self, Self::LostDeliver | Self::RepeatedDeliver)
            }
            PeerMessage::Settled { .. } => self == Self::LostSettled,
            PeerMessage::Evict { .. } => self == Self::LostEvict,
            _ => false,
        };
        match hit && rng.u32(0..RATE) == 0 {
            false => 1,
            true if self == Self::RepeatedDeliver => 2,
            true => 0,
        }
    }

    pub(crate) fn strikes(self, which: Self, rng: &mut Rng) -> bool {
        self == which && rng.u32(0..RATE) == 0
    }
}
