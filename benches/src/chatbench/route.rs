//! The numbered messages that one client sends to one user or group: their words, and their check.
//!
//! The first that arrives is decoded in full; of those after it every byte that may not differ is
//! compared. No socket and no clock in here.

use super::person::Person;
use super::surprise::surprise;
use crate::accounts::Style;
use crate::numbered_text::{Frame, NUMBER_BYTES, PLACE, Template, digits_of, number_in};
use chatproto::{Chat, Event, Target, UserId, decode_event};
use std::io;

/// What the clients give as the time of their messages.
const TIME: &str = "2026-01-02 03:04:05";

/// See the module.
#[derive(Debug)]
pub(super) struct Route {
    /// The client that sends.
    pub(super) from: usize,
    sender: UserId,
    target: Target,
    style: Style,
    request: Template,
    text: Template,
    /// What all receivers get, but for the numbers.
    frame: Option<Frame>,
}

impl Route {
    /// From client `from`, which is `person`, with texts of `bytes` bytes. A route of acknowledging
    /// clients has a mid with each message.
    pub(super) fn new(
        from: usize,
        person: &Person,
        target: Target,
        style: Style,
        bytes: usize,
    ) -> Self {
        let text = format!("{PLACE:.<bytes$}");
        let request = match style {
            Style::Original => original(person, target, &text),
            Style::Acknowledged => with_mid(target, &text),
        };
        Self {
            from,
            sender: UserId(person.id),
            target,
            style,
            request: Template::new(request),
            text: Template::new(text),
            frame: None,
        }
    }

    /// Appends the request that sends message `number`.
    pub(super) fn write(&self, number: u64, out: &mut Vec<u8>) {
        self.request.write(number, out);
    }

    /// Checks the line that pushes a message to a client that logged in in `style`; it must be message
    /// `expected`, and push number `seq` where pushes are numbered.
    pub(super) fn check(
        &mut self,
        line: &[u8],
        style: Style,
        expected: u64,
        seq: u64,
    ) -> io::Result<()> {
        if self.frame.is_none() {
            self.frame = Some(self.learn(line, style, expected)?);
        }
        let read = self.frame.as_ref().and_then(|frame| frame.read(line));
        let Some((number, rest)) = read else {
            return Err(surprise(line, "not a message that was sent"));
        };
        if number != expected {
            return Err(surprise(line, &misplaced(number, expected)));
        }
        if style == Style::Original {
            return Ok(());
        }
        let digits = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        if number_in(&rest[..digits], 10) != Some(seq) {
            return Err(surprise(line, &format!("seq should be {seq}")));
        }
        let mid = rest.strip_suffix(b"\"}").and_then(|rest| rest.last_chunk::<NUMBER_BYTES>());
        if self.style == Style::Acknowledged && mid != Some(&digits_of(number)) {
            return Err(surprise(line, "not the mid that was sent"));
        }
        Ok(())
    }

    /// Checks a message that stood in the answer to a login.
    pub(super) fn check_waiting(&self, chat: &Chat, expected: u64) -> io::Result<()> {
        if self.is(chat, expected) {
            return Ok(());
        }
        let text =
            format!("instead of message {expected:x} from {} waited {chat:?}", self.sender.0);
        Err(io::Error::new(io::ErrorKind::InvalidData, text))
    }

    fn learn(&self, line: &[u8], style: Style, expected: u64) -> io::Result<Frame> {
        let Ok(Event::Chat(chat)) = decode_event(line) else {
            return Err(surprise(line, "not a message"));
        };
        if !self.is(&chat, expected) {
            return Err(surprise(line, &format!("not message {expected:x} of this run")));
        }
        let end = if style == Style::Acknowledged { br#""seq":"#.as_slice() } else { b"" };
        Frame::learn(line, expected, end).ok_or_else(|| surprise(line, "an unknown message"))
    }

    fn is(&self, chat: &Chat, number: u64) -> bool {
        let mut text = Vec::new();
        self.text.write(number, &mut text);
        chat.from == self.sender
            && chat.target == self.target
            && chat.msg.as_bytes() == text
            && chat.time == TIME
    }
}

/// As the original's JSON library writes it: fields by name, a NUL behind.
fn original(Person { id, name, .. }: &Person, target: Target, text: &str) -> String {
    let object = match target {
        Target::User(UserId(to)) => format!(
            r#"{{"id":{id},"msg":"{text}","msgid":1005,"name":"{name}","time":"{TIME}","toid":{to}}}"#
        ),
        Target::Group(group) => format!(
            r#"{{"groupid":{},"id":{id},"msg":"{text}","msgid":1009,"name":"{name}","time":"{TIME}"}}"#,
            group.0
        ),
    };
    object + "\0"
}

fn with_mid(target: Target, text: &str) -> String {
    let (msgid, field, to) = match target {
        Target::User(user) => (1005, "toid", user.0),
        Target::Group(group) => (1009, "groupid", group.0),
    };
    format!(r#"{{"msgid":{msgid},"mid":"{PLACE}","{field}":{to},"msg":"{text}","time":"{TIME}"}}"#)
        + "\n"
}

fn misplaced(number: u64, expected: u64) -> String {
    if number > expected {
        format!("message {number:x} came, {expected:x} did not: lost or out of order")
    } else {
        format!("message {number:x} came again, or out of order: {expected:x} is next")
    }
}

#[cfg(test)]
mod tests;
