//! A client of a ChatServer: as the original one, or acknowledging.

use super::dialogue::Account;
use super::wire::{Heard, Wire, first_text, line_bytes, surprise, text};
use crate::accounts::Style;
use crate::numbered_text::{Frame, PLACE, Template, digits_of, number_in};
use chatproto::{Delivery, Envelope, Event, Request, Target, UserId, decode_event};
use std::io;

/// What the clients give as the time of their messages.
pub(super) const TIME: &str = "2026-01-02 03:04:05";

/// See the module.
#[derive(Debug)]
pub(super) struct Chat {
    account: Account,
    style: Style,
    template: Template,
    message: Option<Frame>,
    answer: Option<Frame>,
    /// The last push's number, and the last one that was acknowledged.
    heard: u64,
    acknowledged: u64,
    /// The server asked for a sign of life.
    is_asked: bool,
}

impl Chat {
    pub(super) fn new(account: Account, style: Style) -> Self {
        let template = Template::new(request(&account, style));
        let (message, answer) = (None, None);
        let (heard, acknowledged) = (0, 0);
        Self { account, style, template, message, answer, heard, acknowledged, is_asked: false }
    }

    fn hear_message(&mut self, line: &[u8]) -> io::Result<Heard> {
        let frame = match &mut self.message {
            Some(frame) => frame,
            unknown => {
                check_first(&self.account, self.style, line)?;
                // Where the part of a pushed message ends that is always the same.
                let end: &[u8] = match self.style {
                    Style::Original => b"",
                    Style::Acknowledged => br#""seq":"#,
                };
                let learned = Frame::learn(line, 0, end);
                unknown.insert(learned.ok_or_else(|| surprise(line, "an unknown message"))?)
            }
        };
        let Some((number, rest)) = frame.read(line) else {
            return Err(surprise(line, "not the message that was sent"));
        };
        if self.style == Style::Acknowledged {
            let digits = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
            if number_in(&rest[..digits], 10) != Some(number + 1) {
                return Err(surprise(line, "a message out of sequence"));
            }
            self.heard = number + 1;
        }
        Ok(Heard::Message(number))
    }

    fn hear_answer(&mut self, line: &[u8]) -> io::Result<Heard> {
        let frame = match &mut self.answer {
            Some(frame) => frame,
            unknown => {
                check_first_answer(line)?;
                let learned = Frame::learn(line, 0, b"");
                unknown.insert(learned.ok_or_else(|| surprise(line, "an unknown answer"))?)
            }
        };
        match frame.read(line) {
            Some((number, b"")) => Ok(Heard::Answer(number)),
            _ => Err(surprise(line, "not the answer to a message")),
        }
    }
}

impl Wire for Chat {
    fn hear(&mut self, bytes: &[u8]) -> io::Result<Option<(usize, Heard)>> {
        let Some(end) = line_bytes(bytes) else { return Ok(None) };
        let line = &bytes[..end - 1];
        let heard = if line.starts_with(br#"{"msgid":1010,"#) {
            self.hear_answer(line)?
        } else if line == br#"{"msgid":1012}"# {
            self.is_asked = true;
            Heard::Aside
        } else {
            self.hear_message(line)?
        };
        Ok(Some((end, heard)))
    }

    fn say(&mut self, number: u64, out: &mut Vec<u8>) {
        self.template.write(number, out);
    }

    fn reply(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.is_asked) {
            chatproto::pong(out);
        }
        if self.acknowledged < self.heard {
            self.acknowledged = self.heard;
            let request = Request::Received { seq: self.heard };
            Envelope { mid: None, request }.write(out);
        }
    }

    fn is_answered(&self) -> bool {
        self.style == Style::Acknowledged
    }
}

/// The bytes that send a message.
fn request(Account { id, name, partner }: &Account, style: Style) -> String {
    let text = text();
    match style {
        // As the original's JSON library writes it: fields by name, a NUL behind.
        Style::Original => {
            format!(
                r#"{{"id":{id},"msg":"{text}","msgid":1005,"name":"{name}","time":"{TIME}","toid":{partner}}}"#
            ) + "\0"
        }
        Style::Acknowledged => {
            format!(
                r#"{{"msgid":1005,"mid":"{PLACE}","toid":{partner},"msg":"{text}","time":"{TIME}"}}"#
            ) + "\n"
        }
    }
}

/// Checks every field of the first message, number 0.
fn check_first(account: &Account, style: Style, line: &[u8]) -> io::Result<()> {
    let Ok(Event::Chat(chat)) = decode_event(line) else {
        return Err(surprise(line, "not a 1005"));
    };
    let digits = digits_of(0);
    let mid = (style == Style::Acknowledged).then_some(digits.as_slice());
    let is_right = chat.from == UserId(account.partner)
        && chat.target == Target::User(UserId(account.id))
        && chat.msg == first_text()
        && chat.time == TIME
        && chat.mid.as_deref().map(str::as_bytes) == mid;
    if is_right { Ok(()) } else { Err(surprise(line, "not the partner's message")) }
}

/// The first 1010, to message 0.
fn check_first_answer(line: &[u8]) -> io::Result<()> {
    match decode_event(line) {
        Ok(Event::Answer { status, state: Some(Delivery::Delivered), .. }) if status.is_ok() => {
            Ok(())
        }
        _ => Err(surprise(line, "not the answer to a message that was delivered")),
    }
}
