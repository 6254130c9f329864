//! A protocol as one player speaks it: where frames end, what they say, and what is said.

use super::TEXT_BYTES;
use crate::numbered_text::{PLACE, Template};
use std::{fmt, io};

/// What is different from protocol to protocol. The first frame of a kind is looked at in full; of
/// those after it every byte is compared that may not differ.
pub(crate) trait Wire: fmt::Debug {
    /// Takes the first frame of `bytes`: how long it is, and what it is. `None` if its end has not
    /// come.
    fn hear(&mut self, bytes: &[u8]) -> io::Result<Option<(usize, Heard)>>;

    /// Appends message `number`; they come in order from 0 on.
    fn say(&mut self, number: u64, out: &mut Vec<u8>);

    /// Appends what is owed to the server for what was heard.
    fn reply(&mut self, out: &mut Vec<u8>);

    /// Whether the server answers each message to its sender.
    fn is_answered(&self) -> bool {
        false
    }
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The partner's message with this number.
    Message(u64),
    /// The server has taken the own message with this number.
    Answer(u64),
    /// Nothing that counts.
    Aside,
}

/// The text of a message, [`TEXT_BYTES`] long, with [`PLACE`] for its number.
pub(super) fn text() -> String {
    format!("{PLACE:.<TEXT_BYTES$}")
}

/// The text of the first message.
pub(super) fn first_text() -> String {
    let mut text = Vec::new();
    Template::new(self::text()).write(0, &mut text);
    String::from_utf8(text).expect("digits and full stops")
}

/// How long the first line of `bytes` is, with its newline.
pub(super) fn line_bytes(bytes: &[u8]) -> Option<usize> {
    memchr::memchr(b'\n', bytes).map(|at| at + 1)
}

/// That `frame` should not have come.
pub(super) fn surprise(frame: &[u8], what: &str) -> io::Error {
    let text = format!("{what}: {}", String::from_utf8_lossy(frame).trim_end());
    io::Error::new(io::ErrorKind::InvalidData, text)
}
