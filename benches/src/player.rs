//! One connection of the load: sends numbered messages, and checks everything that comes.
//!
//! No socket and no clock in here. What is said, and where a frame of it ends, is the matter of a
//! [`wire::Wire`]; the player sees to it that each number is the next one.

mod chat;
mod dialogue;
mod echo;
mod irc;
pub(crate) mod mqtt;
mod nats;
mod wire;
mod xmpp;

pub(crate) use dialogue::{Account, Dialogue, Subjects};
pub(crate) use nats::SUBSCRIPTION;

use std::io;
use std::time::Instant;
use wire::{Heard, Wire, surprise};

/// Bytes of a message's text, and of an echoed block.
pub const TEXT_BYTES: usize = 64;
/// Messages that one player may have under way; a power of two.
pub const IN_FLIGHT_MAX: u64 = 64;

/// Whether messages that arrive are sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Play {
    On,
    Paused,
}

/// A frame that a player has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// How long it was.
    pub(crate) bytes: usize,
    /// The number of the message, if it was one.
    pub(crate) message: Option<u64>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Player {
    wire: Box<dyn Wire>,
    /// Messages that this player may send now.
    held: u64,
    sent: u64,
    received: u64,
    answered: u64,
    sent_at: Vec<Instant>,
}

impl Player {
    /// A player with `held` messages to begin with.
    pub(crate) fn new(dialogue: Dialogue, held: u64, now: Instant) -> Self {
        assert!(held <= IN_FLIGHT_MAX, "more messages than send times are kept for");
        let sent_at = vec![now; IN_FLIGHT_MAX as usize];
        Self { wire: dialogue.wire(), held, sent: 0, received: 0, answered: 0, sent_at }
    }

    /// Player `at` of a row of pairs: the first of each pair has all of its messages to begin with.
    pub(crate) fn of_pair(dialogue: Dialogue, at: usize, in_flight: u64) -> Self {
        let held = if at.is_multiple_of(2) { in_flight } else { 0 };
        Self::new(dialogue, held, Instant::now())
    }

    /// Takes the first frame of `bytes`; `None` if its end has not come.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> io::Result<Option<Taken>> {
        let Some((length, heard)) = self.wire.hear(bytes)? else { return Ok(None) };
        let message = match heard {
            Heard::Message(number) => {
                let frame = &bytes[..length];
                self.received = next("message", number, self.received, frame)?;
                self.held += 1;
                Some(number)
            }
            Heard::Answer(number) => {
                let frame = &bytes[..length];
                self.answered = next("the answer to message", number, self.answered, frame)?;
                None
            }
            Heard::Aside => None,
        };
        Ok(Some(Taken { bytes: length, message }))
    }

    /// Appends what is to be said now.
    pub(crate) fn respond(&mut self, now: Instant, play: Play, out: &mut Vec<u8>) {
        self.wire.reply(out);
        while play == Play::On && self.held > 0 && self.unanswered() < IN_FLIGHT_MAX {
            self.wire.say(self.sent, out);
            self.sent_at[(self.sent % IN_FLIGHT_MAX) as usize] = now;
            self.sent += 1;
            self.held -= 1;
        }
    }

    /// When message `number`, one of the last [`IN_FLIGHT_MAX`], was sent.
    pub(crate) fn sent_at(&self, number: u64) -> Instant {
        self.sent_at[(number % IN_FLIGHT_MAX) as usize]
    }

    /// Messages sent that the server must answer and has not.
    pub(crate) fn unanswered(&self) -> u64 {
        if self.wire.is_answered() { self.sent - self.answered } else { 0 }
    }

    /// Messages that may be sent as soon as the play is on.
    pub(crate) fn held(&self) -> u64 {
        self.held
    }
}

/// The number after `number`, which must be `expected`.
fn next(what: &str, number: u64, expected: u64, frame: &[u8]) -> io::Result<u64> {
    if number == expected {
        return Ok(number + 1);
    }
    Err(surprise(frame, &format!("{what} {number}, not {expected}")))
}

#[cfg(test)]
mod tests;
