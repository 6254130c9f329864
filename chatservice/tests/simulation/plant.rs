//! Mistakes that are made on purpose: a simulation that cannot find them proves nothing.

use std::collections::VecDeque;

use chatservice::chat::PeerMessage;
use chatservice::chat::effect::Located;
use chatservice::cluster::Notice;
use chatservice::cluster::frame::{Body, Frame};
use fastrand::Rng;

use crate::redis::Heard;

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
    /// A frame to a node gets lost, and who misses it does not say so.
    UnaskedRestart,
    /// Who has to say everything again does not.
    UnheededRestart,
    /// Frames overtake each other.
    SwappedFrames,
    /// A sender is answered for a row of which its online recipient was not told.
    UntoldMail,
    /// Who is not found while Redis is away, or cold, is taken to be offline.
    RashOffline,
    /// Groups are cached while joins may be missed.
    IgnoredStanding,
    /// New rows are not told while Redis is away.
    LostArrivals,
    /// Who lost a user while Redis was away is not told.
    LostSuperseded,
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

    /// Whether the bus loses a frame without a trace.
    pub(crate) fn loses_frame(self, rng: &mut Rng, frame: &[u8]) -> bool {
        self == Self::UnaskedRestart && stream_number(frame).is_some() && rng.u32(0..RATE) == 0
    }

    /// What a loop is told in place of `notice`; `away`: Redis does not answer.
    pub(crate) fn notice(self, notice: &Notice, away: bool) -> Option<Notice> {
        match (self, notice) {
            (Self::RashOffline, Notice::Located(lane, Located::Unknown)) => {
                Some(Notice::Located(*lane, Located::Offline))
            }
            (Self::LostArrivals, Notice::Peer(PeerMessage::Arrived { .. })) if away => None,
            (Self::LostSuperseded, Notice::Peer(PeerMessage::Superseded { .. })) => None,
            (_, notice) => Some(notice.clone()),
        }
    }

    pub(crate) fn strikes(self, which: Self, rng: &mut Rng) -> bool {
        self == which && rng.u32(0..RATE) == 0
    }
}

/// Lets the last two frames of a stream change places, with the numbers that they should have.
pub(crate) fn swap_last_frames(pipe: &mut VecDeque<Heard>) {
    let mut streams = pipe.iter_mut().rev().flatten().filter(|it| stream_number(it).is_some());
    let (Some(last), Some(before)) = (streams.next(), streams.next()) else { return };
    let (Ok(mut first), Ok(mut second)) = (Frame::decode(before), Frame::decode(last)) else {
        return;
    };
    if let (Body::Stream { parcel: one, .. }, Body::Stream { parcel: other, .. }) =
        (&mut first.body, &mut second.body)
        && first.origin == second.origin
    {
        std::mem::swap(one, other);
    }
    (*before, *last) = (first.encode(), second.encode());
}

fn stream_number(frame: &[u8]) -> Option<u64> {
    match Frame::decode(frame).ok()?.body {
        Body::Stream { number, .. } => Some(number),
        _ => None,
    }
}
