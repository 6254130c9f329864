//! What a node hears from others: who it is for, and what is missing.

use std::sync::Arc;
use std::time::Instant;

use super::command::{Command, Notice};
use super::frame::{Body, Frame};
use super::links::{Incoming, Verdict};
use super::standing::Standing;
use crate::chat::{NodeId, PeerMessage};

/// See the module. Belongs to the thread of the subscription.
pub struct Listener {
    own: NodeId,
    standing: Arc<Standing>,
    incoming: Incoming,
}

/// What follows from a frame.
#[derive(Debug)]
pub enum Heard {
    /// These are for loops, each for the shard of this index.
    Messages {
        /// Said to all loops first.
        notice: Option<Notice>,
        /// In order.
        messages: Vec<(u16, PeerMessage)>,
    },
    /// This is for the member.
    Command(Command),
    /// Nothing.
    Nothing,
}

impl Listener {
    /// Listens for the node `own`.
    pub fn new(own: NodeId, standing: Arc<Standing>) -> Self {
        Self { own, standing, incoming: Incoming::default() }
    }

    /// A frame has come through the bus.
    pub fn handle_frame(&mut self, now: Instant, bytes: &[u8]) -> Heard {
        let Frame { origin, body } = match Frame::decode(bytes) {
            Ok(frame) => frame,
            Err(error) => {
                log::debug!("something on the bus is no frame: {error}");
                return Heard::Nothing;
            }
        };
        match body {
            Body::Echo(number) if origin == self.own => Heard::Command(Command::Echoed(number)),
            Body::Announcement(PeerMessage::Joined { asker, join, .. }) if origin == self.own => {
                // Its shards know already, but it was counted among those who hear.
                let known = PeerMessage::JoinKnown { to: asker.login, join };
                Heard::Messages { notice: None, messages: vec![(asker.shard.index, known)] }
            }
            _ if origin == self.own => Heard::Nothing,
            // What was said while this node was out of the world is not for its users of today:
            // it is left unheard, and missed when the next frame comes.
            _ if self.standing.period(now).is_none() => Heard::Nothing,
            Body::Echo(_) => Heard::Nothing,
            Body::Announcement(message) => {
                Heard::Messages { notice: None, messages: vec![(0, message)] }
            }
            Body::Restart { epoch } => Heard::Command(Command::RestartAsked(origin, epoch)),
            Body::Position { epoch, next } => {
                ask(origin, self.incoming.handle_position(origin, epoch, next))
            }
            Body::Stream { epoch, number, parcel } => {
                let notice = match self.incoming.handle_frame(origin, epoch, number) {
                    Verdict::Take => None,
                    Verdict::TakeAfterLoss => Some(Notice::LinkLost { node: origin, epoch: None }),
                    verdict => return ask(origin, verdict),
                };
                Heard::Messages { notice, messages: parcel.into_messages() }
            }
        }
    }
}

fn ask(origin: NodeId, verdict: Verdict) -> Heard {
    match verdict {
        Verdict::AskRestart(epoch) => Heard::Command(Command::AskRestart(origin, epoch)),
        _ => Heard::Nothing,
    }
}
