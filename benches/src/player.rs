//! One connection of the load: sends numbered messages, and checks every object that comes.
//!
//! No socket and no clock in here. The first object of a kind is decoded in full; of those after
//! it every byte that may not differ is compared, and the number must be the next one.

use crate::numbered_text::{Frame, PLACE, Template, digits_of, number_in};
use chatproto::{Delivery, Envelope, Event, Request, Target, UserId, decode_event};
use std::io;
use std::time::Instant;

/// Bytes of a message's text, and of an echoed block.
pub const TEXT_BYTES: usize = 64;
/// Messages that one player may have under way; a power of two.
pub const IN_FLIGHT_MAX: u64 = 64;

/// What a connection to a NATS server calls its only subscription.
pub(crate) const SUBSCRIPTION: u32 = 1;

/// Two accounts that send to each other, seen from one of them.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) partner: i64,
}

/// Two subjects of a NATS server, of which each partner hears one.
#[derive(Clone, Debug)]
pub(crate) struct Subjects {
    pub(crate) own: String,
    pub(crate) partner: String,
}

/// What is spoken on the connection.
#[derive(Clone, Debug)]
pub(crate) enum Dialogue {
    /// Blocks that come back.
    Echo,
    /// 1005 as the original client sends it.
    Original(Account),
    /// 1005 with a mid, 1011 for what was pushed; the next message waits for the 1010.
    Acknowledged(Account),
    /// PUB and MSG of the NATS protocol; the own subject is subscribed to already.
    Nats(Subjects),
}

/// Whether messages that arrive are sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Play {
    On,
    Paused,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Player {
    dialogue: Dialogue,
    template: Template,
    /// The line that announces a message, where there is one.
    announcement: Option<Vec<u8>>,
    /// The line before was that.
    announced: bool,
    message_frame: Option<Frame>,
    answer_frame: Option<Frame>,
    /// Messages that this player may send now.
    held: u64,
    sent: u64,
    received: u64,
    answered: u64,
    /// Pushes that were acknowledged to the server.
    acknowledged: u64,
    pinged: bool,
    sent_at: Vec<Instant>,
}

impl Player {
    /// A player with `held` messages to begin with.
    pub(crate) fn new(dialogue: Dialogue, held: u64, now: Instant) -> Self {
        assert!(held <= IN_FLIGHT_MAX, "more messages than send times are kept for");
        Self {
            template: Template::new(dialogue.request()),
            announcement: dialogue.announcement(),
            dialogue,
            announced: false,
            message_frame: None,
            answer_frame: None,
            held,
            sent: 0,
            received: 0,
            answered: 0,
            acknowledged: 0,
            pinged: false,
            sent_at: vec![now; IN_FLIGHT_MAX as usize],
        }
    }

    /// Player `at` of a row of pairs: the first of each pair has all of its messages to begin with.
    pub(crate) fn of_pair(dialogue: Dialogue, at: usize, in_flight: u64) -> Self {
        let held = if at.is_multiple_of(2) { in_flight } else { 0 };
        Self::new(dialogue, held, Instant::now())
    }

    /// Takes one line, without its newline; the number of the message if it is one.
    pub(crate) fn receive(&mut self, line: &[u8]) -> io::Result<Option<u64>> {
        if let Some(announcement) = &self.announcement
            && !std::mem::take(&mut self.announced)
        {
            match line {
                b"PING\r" => self.pinged = true,
                _ if line == announcement => self.announced = true,
                _ => return Err(surprise(line, "not what announces a message")),
            }
        } else if line.starts_with(br#"{"msgid":1010,"#) {
            self.receive_answer(line)?;
        } else if line == br#"{"msgid":1012}"# {
            self.pinged = true;
        } else {
            return self.receive_message(line).map(Some);
        }
        Ok(None)
    }

    /// Appends what is to be said now.
    pub(crate) fn respond(&mut self, now: Instant, play: Play, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.pinged) {
            match self.dialogue {
                Dialogue::Nats(_) => out.extend_from_slice(b"PONG\r\n"),
                _ => chatproto::pong(out),
            }
        }
        let mut unanswered_max = u64::MAX;
        if let Dialogue::Acknowledged(_) = self.dialogue {
            if self.acknowledged < self.received {
                self.acknowledged = self.received;
                let request = Request::Received { seq: self.received };
                Envelope { mid: None, request }.write(out);
            }
            unanswered_max = IN_FLIGHT_MAX;
        }
        while play == Play::On && self.held > 0 && self.unanswered() < unanswered_max {
            self.template.write(self.sent, out);
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
        match self.dialogue {
            Dialogue::Acknowledged(_) => self.sent - self.answered,
            Dialogue::Echo | Dialogue::Original(_) | Dialogue::Nats(_) => 0,
        }
    }

    /// Messages that may be sent as soon as the play is on.
    pub(crate) fn held(&self) -> u64 {
        self.held
    }

    fn receive_message(&mut self, line: &[u8]) -> io::Result<u64> {
        let expected = self.received;
        let frame = match &mut self.message_frame {
            Some(frame) => frame,
            unknown => {
                self.dialogue.check_first(line)?;
                let learned = Frame::learn(line, expected, self.dialogue.message_frame_end());
                unknown.insert(learned.ok_or_else(|| surprise(line, "an unknown message"))?)
            }
        };
        let Some((number, rest)) = frame.read(line) else {
            return Err(surprise(line, "not the message that was sent"));
        };
        if number != expected {
            return Err(surprise(line, &format!("message {number}, not {expected}")));
        }
        if let Dialogue::Acknowledged(_) = self.dialogue {
            let digits = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
            if number_in(&rest[..digits], 10) != Some(expected + 1) {
                return Err(surprise(line, "a message out of sequence"));
            }
        }
        self.received += 1;
        self.held += 1;
        Ok(number)
    }

    fn receive_answer(&mut self, line: &[u8]) -> io::Result<()> {
        let expected = self.answered;
        let frame = match &mut self.answer_frame {
            Some(frame) => frame,
            unknown => {
                check_first_answer(line)?;
                let learned = Frame::learn(line, expected, b"");
                unknown.insert(learned.ok_or_else(|| surprise(line, "an unknown answer"))?)
            }
        };
        if frame.read(line) != Some((expected, b"")) {
            return Err(surprise(line, &format!("not the answer to message {expected}")));
        }
        self.answered += 1;
        Ok(())
    }
}

impl Dialogue {
    /// The text of a message, [`TEXT_BYTES`] long.
    fn text() -> String {
        format!("{PLACE:.<TEXT_BYTES$}")
    }

    /// The bytes that send a message.
    fn request(&self) -> String {
        let text = Self::text();
        match self {
            Self::Echo => format!("{}\n", &text[..TEXT_BYTES - 1]),
            // As the original's JSON library writes it: fields by name, a NUL behind.
            Self::Original(Account { id, name, partner }) => {
                format!(
                    r#"{{"id":{id},"msg":"{text}","msgid":1005,"name":"{name}","time":"{TIME}","toid":{partner}}}"#
                ) + "\0"
            }
            Self::Acknowledged(Account { partner, .. }) => {
                format!(
                    r#"{{"msgid":1005,"mid":"{PLACE}","toid":{partner},"msg":"{text}","time":"{TIME}"}}"#
                ) + "\n"
            }
            Self::Nats(Subjects { partner, .. }) => {
                format!("PUB {partner} {TEXT_BYTES}\r\n{text}\r\n")
            }
        }
    }

    /// The line before a received message, without its newline.
    fn announcement(&self) -> Option<Vec<u8>> {
        let Self::Nats(Subjects { own, .. }) = self else { return None };
        Some(format!("MSG {own} {SUBSCRIPTION} {TEXT_BYTES}\r").into_bytes())
    }

    /// Where the part of a received message ends that is always the same.
    fn message_frame_end(&self) -> &'static [u8] {
        match self {
            Self::Echo | Self::Original(_) | Self::Nats(_) => b"",
            Self::Acknowledged(_) => br#""seq":"#,
        }
    }

    /// Checks every field of the first message, number 0.
    fn check_first(&self, line: &[u8]) -> io::Result<()> {
        let mut text = Vec::new();
        Template::new(Self::text()).write(0, &mut text);
        let account = match self {
            Self::Echo => return Ok(()),
            Self::Nats(_) if line.strip_suffix(b"\r") == Some(&text) => return Ok(()),
            Self::Nats(_) => return Err(surprise(line, "not the partner's message")),
            Self::Original(account) | Self::Acknowledged(account) => account,
        };
        let Ok(Event::Chat(chat)) = decode_event(line) else {
            return Err(surprise(line, "not a 1005"));
        };
        let digits = digits_of(0);
        let mid = matches!(self, Self::Acknowledged(_)).then_some(digits.as_slice());
        let is_right = chat.from == UserId(account.partner)
            && chat.target == Target::User(UserId(account.id))
            && chat.msg.as_bytes() == text
            && chat.time == TIME
            && chat.mid.as_deref().map(str::as_bytes) == mid;
        if is_right { Ok(()) } else { Err(surprise(line, "not the partner's message")) }
    }
}

/// What the clients give as the time of their messages.
const TIME: &str = "2026-01-02 03:04:05";

/// The first 1010, to message 0.
fn check_first_answer(line: &[u8]) -> io::Result<()> {
    match decode_event(line) {
        Ok(Event::Answer { status, state: Some(Delivery::Delivered), .. }) if status.is_ok() => {
            Ok(())
        }
        _ => Err(surprise(line, "not the answer to a message that was delivered")),
    }
}

fn surprise(line: &[u8], what: &str) -> io::Error {
    let text = format!("{what}: {}", String::from_utf8_lossy(line));
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests;
