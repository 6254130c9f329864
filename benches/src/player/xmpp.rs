//! Message stanzas of XMPP, from one full address to another.

use super::dialogue::Subjects;
use super::wire::{Heard, Wire, first_text, surprise, text};
use crate::numbered_text::{Frame, Template};
use memchr::memmem;
use std::io;

/// How every message begins, and ends.
const START: &[u8] = b"<message ";
const END: &[u8] = b"</message>";

/// See the module.
#[derive(Debug)]
pub(super) struct Xmpp {
    addresses: Subjects,
    template: Template,
    message: Option<Frame>,
}

impl Xmpp {
    pub(super) fn new(addresses: Subjects) -> Self {
        let (to, text) = (&addresses.partner, text());
        let stanza = format!("<message to='{to}' type='chat'><body>{text}</body></message>");
        Self { addresses, template: Template::new(stanza), message: None }
    }

    /// The server puts the sender in, and orders attributes as it likes.
    fn is_first(&self, stanza: &[u8]) -> bool {
        let Subjects { own, partner } = &self.addresses;
        let body = format!("><body>{}</body></message>", first_text());
        let Some(head) = stanza.strip_suffix(body.as_bytes()) else { return false };
        let has = |attribute: String| memmem::find(head, attribute.as_bytes()).is_some();
        !head.contains(&b'>') && has(format!(" from='{partner}'")) && has(format!(" to='{own}'"))
    }
}

impl Wire for Xmpp {
    fn hear(&mut self, bytes: &[u8]) -> io::Result<Option<(usize, Heard)>> {
        let begun = bytes.len().min(START.len());
        if bytes[..begun] != START[..begun] {
            return Err(surprise(bytes, "not a message"));
        }
        // The frame of a message that is known already is looked at once only.
        let end = match &self.message {
            Some(frame) => frame.bytes(),
            None => match memmem::find(bytes, END) {
                Some(end) => end + END.len(),
                None => return Ok(None),
            },
        };
        let Some(stanza) = bytes.get(..end) else { return Ok(None) };
        if self.message.is_none() {
            self.message = self.is_first(stanza).then(|| Frame::learn(stanza, 0, b"")).flatten();
        }
        match self.message.as_ref().and_then(|frame| frame.read(stanza)) {
            Some((number, b"")) => Ok(Some((end, Heard::Message(number)))),
            _ => Err(surprise(stanza, "not the partner's message")),
        }
    }

    fn say(&mut self, number: u64, out: &mut Vec<u8>) {
        self.template.write(number, out);
    }

    fn reply(&mut self, _: &mut Vec<u8>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xmpp() -> Xmpp {
        let [own, partner] = ["p1@h/r", "p0@h/r"].map(str::to_owned);
        Xmpp::new(Subjects { own, partner })
    }

    fn message(number: &str) -> String {
        format!(
            "<message xml:lang='en' to='p1@h/r' from='p0@h/r' type='chat'><body>{}</body></message>",
            first_text().replace(&"0".repeat(16), number)
        )
    }

    #[test]
    fn messages_come_in_pieces_and_together() {
        let (first, second) = (message("0000000000000000"), message("0000000000000001"));
        let both = format!("{first}{second}");
        let mut xmpp = xmpp();
        for end in 0..first.len() {
            assert_eq!(xmpp.hear(&both.as_bytes()[..end]).unwrap(), None, "{end}");
        }
        assert_eq!(xmpp.hear(both.as_bytes()).unwrap(), Some((first.len(), Heard::Message(0))));
        let rest = &both.as_bytes()[first.len()..];
        assert_eq!(xmpp.hear(&rest[..rest.len() - 1]).unwrap(), None);
        assert_eq!(xmpp.hear(rest).unwrap(), Some((second.len(), Heard::Message(1))));
    }

    #[test]
    fn a_message_goes_to_the_partner() {
        let mut out = Vec::new();
        xmpp().say(0, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("<message to='p0@h/r' type='chat'><body>0000"), "{text}");
    }

    #[test]
    fn nothing_else_is_taken() {
        let first = message("0000000000000000");
        let wrong = [
            "<presence from='p0@h/r'/>".to_owned(),
            "</stream:stream>".to_owned(),
            first.replace("from='p0", "from='p2"),
            first.replace("to='p1", "to='p2"),
            first.replace("....", "..,."),
            first.replace("<body>", "<delay/><body>"),
        ];
        for stanza in wrong {
            xmpp().hear(stanza.as_bytes()).unwrap_err();
        }
    }
}
