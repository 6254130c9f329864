//! PUB and MSG of the NATS protocol.

use super::TEXT_BYTES;
use super::dialogue::Subjects;
use super::wire::{Heard, Wire, first_text, line_bytes, surprise, text};
use crate::numbered_text::{Frame, Template};
use std::io;

/// What a connection to a NATS server calls its only subscription.
pub(crate) const SUBSCRIPTION: u32 = 1;

/// See the module.
#[derive(Debug)]
pub(super) struct Nats {
    template: Template,
    /// The line that announces a message, and the message.
    message: Frame,
    message_bytes: usize,
    pings: usize,
}

impl Nats {
    pub(super) fn new(Subjects { own, partner }: Subjects) -> Self {
        let template = Template::new(format!("PUB {partner} {TEXT_BYTES}\r\n{}\r\n", text()));
        let first = format!("MSG {own} {SUBSCRIPTION} {TEXT_BYTES}\r\n{}\r\n", first_text());
        let message = Frame::learn(first.as_bytes(), 0, b"").expect("the number is in the text");
        Self { template, message, message_bytes: first.len(), pings: 0 }
    }
}

impl Wire for Nats {
    fn hear(&mut self, bytes: &[u8]) -> io::Result<Option<(usize, Heard)>> {
        if bytes.starts_with(b"MSG") {
            let Some(message) = bytes.get(..self.message_bytes) else { return Ok(None) };
            return match self.message.read(message) {
                Some((number, b"")) => Ok(Some((self.message_bytes, Heard::Message(number)))),
                _ => Err(surprise(message, "not the partner's message")),
            };
        }
        let Some(end) = line_bytes(bytes) else { return Ok(None) };
        if &bytes[..end] != b"PING\r\n" {
            return Err(surprise(&bytes[..end], "not what announces a message"));
        }
        self.pings += 1;
        Ok(Some((end, Heard::Aside)))
    }

    fn say(&mut self, number: u64, out: &mut Vec<u8>) {
        self.template.write(number, out);
    }

    fn reply(&mut self, out: &mut Vec<u8>) {
        for _ in 0..std::mem::take(&mut self.pings) {
            out.extend_from_slice(b"PONG\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nats() -> Nats {
        Nats::new(Subjects { own: "p.1".to_owned(), partner: "p.0".to_owned() })
    }

    fn message() -> String {
        format!("MSG p.1 1 64\r\n{}\r\n", first_text())
    }

    #[test]
    fn a_message_comes_with_its_announcement_and_another_one_goes() {
        let (mut nats, message) = (nats(), message());
        let both = format!("{message}PING\r\n");
        for end in 0..message.len() {
            assert_eq!(nats.hear(&both.as_bytes()[..end]).unwrap(), None, "{end}");
        }
        let heard = nats.hear(both.as_bytes()).unwrap();
        assert_eq!(heard, Some((message.len(), Heard::Message(0))));
        let mut out = Vec::new();
        nats.say(0, &mut out);
        assert_eq!(out, format!("PUB p.0 64\r\n{}\r\n", first_text()).as_bytes());
    }

    #[test]
    fn a_ping_is_answered() {
        let mut nats = nats();
        assert_eq!(nats.hear(b"PING\r\n").unwrap(), Some((6, Heard::Aside)));
        let mut out = Vec::new();
        nats.reply(&mut out);
        nats.reply(&mut out);
        assert_eq!(out, b"PONG\r\n");
    }

    #[test]
    fn nothing_else_is_taken() {
        let wrong = [
            format!("{}\r\n", first_text()),
            message().replace("p.1", "p.2"),
            message().replace("....", "..,."),
            "-ERR 'Slow Consumer'\r\n".to_owned(),
        ];
        for bytes in wrong {
            nats().hear(bytes.as_bytes()).unwrap_err();
        }
    }
}
