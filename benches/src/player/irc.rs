//! PRIVMSG of IRC, from one nickname to another.

use super::dialogue::Subjects;
use super::wire::{Heard, Wire, first_text, line_bytes, surprise, text};
use crate::numbered_text::{Frame, Template};
use std::io;

/// See the module.
#[derive(Debug)]
pub(super) struct Irc {
    names: Subjects,
    template: Template,
    message: Option<Frame>,
    /// PONGs that are owed.
    owed: Vec<u8>,
}

impl Irc {
    pub(super) fn new(names: Subjects) -> Self {
        let template = Template::new(format!("PRIVMSG {} :{}\r\n", names.partner, text()));
        Self { names, template, message: None, owed: Vec::new() }
    }

    /// The server puts who sent it in front of a message, with the host as it sees it.
    fn is_first(&self, line: &[u8]) -> bool {
        let Subjects { own, partner } = &self.names;
        let end = format!(" PRIVMSG {own} :{}\r\n", first_text());
        let rest = line.strip_prefix(format!(":{partner}!").as_bytes());
        let host = rest.and_then(|rest| rest.strip_suffix(end.as_bytes()));
        host.is_some_and(|host| !host.contains(&b' '))
    }

    fn hear_message(&mut self, line: &[u8]) -> io::Result<Heard> {
        if self.message.is_none() {
            self.message = self.is_first(line).then(|| Frame::learn(line, 0, b"")).flatten();
        }
        match self.message.as_ref().and_then(|frame| frame.read(line)) {
            Some((number, b"")) => Ok(Heard::Message(number)),
            _ => Err(surprise(line, "not the partner's message")),
        }
    }
}

impl Wire for Irc {
    fn hear(&mut self, bytes: &[u8]) -> io::Result<Option<(usize, Heard)>> {
        let Some(end) = line_bytes(bytes) else { return Ok(None) };
        let line = &bytes[..end];
        let heard = match line.strip_prefix(b"PING ") {
            Some(token) => {
                self.owed.extend_from_slice(b"PONG ");
                self.owed.extend_from_slice(token);
                Heard::Aside
            }
            None => self.hear_message(line)?,
        };
        Ok(Some((end, heard)))
    }

    fn say(&mut self, number: u64, out: &mut Vec<u8>) {
        self.template.write(number, out);
    }

    fn reply(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.owed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn irc() -> Irc {
        Irc::new(Subjects { own: "p1".to_owned(), partner: "p0".to_owned() })
    }

    fn message() -> String {
        format!(":p0!~p0@127.0.0.1 PRIVMSG p1 :{}\r\n", first_text())
    }

    #[test]
    fn a_message_comes_and_another_one_goes() {
        let (mut irc, message) = (irc(), message());
        assert_eq!(irc.hear(message.trim_end().as_bytes()).unwrap(), None);
        for number in [0, 7] {
            let mut later = Vec::new();
            Template::new(message.replace(&"0".repeat(16), crate::numbered_text::PLACE))
                .write(number, &mut later);
            let heard = irc.hear(&later).unwrap();
            assert_eq!(heard, Some((message.len(), Heard::Message(number))));
        }
        let mut out = Vec::new();
        irc.say(0, &mut out);
        assert_eq!(out, format!("PRIVMSG p0 :{}\r\n", first_text()).as_bytes());
    }

    #[test]
    fn a_ping_is_answered_with_its_token() {
        let mut irc = irc();
        assert_eq!(irc.hear(b"PING :irc.host\r\n:p").unwrap(), Some((16, Heard::Aside)));
        let mut out = Vec::new();
        irc.reply(&mut out);
        irc.reply(&mut out);
        assert_eq!(out, b"PONG :irc.host\r\n");
    }

    #[test]
    fn nothing_else_is_taken() {
        let wrong = [
            message().replace(":p0!", ":p2!"),
            message().replace("PRIVMSG p1", "PRIVMSG p2"),
            message().replace("PRIVMSG", "NOTICE"),
            message().replace("127.0.0.1", "127.0.0.1 x"),
            message().replace("....", "..,."),
            "ERROR :Server going down\r\n".to_owned(),
        ];
        for line in wrong {
            irc().hear(line.as_bytes()).unwrap_err();
        }
        let mut irc = irc();
        irc.hear(message().as_bytes()).unwrap();
        irc.hear(message().replace("127.0.0.1", "127.0.0.2").as_bytes()).unwrap_err();
    }
}
