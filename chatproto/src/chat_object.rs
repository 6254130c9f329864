//! A relayed message, encoded once and shared by all its recipients.

use serde::{Deserialize, Serialize};

use crate::codes::msgid;
use crate::json::{Key, ObjectWriter, stored_chat};
use crate::{GroupId, UserId};

/// A 1005 or 1009 as the server relays it, without what differs from one recipient to the next.
///
/// ```
/// use chatproto::{ChatObject, UserId};
///
/// let chat = ChatObject::direct(UserId(1), "ann", UserId(2), "hi", "2026-01-02 03:04:05");
/// let mut out = Vec::new();
/// chat.write_acknowledged(&mut out, 7, "s1", "m1");
/// assert!(out.ends_with(b"\"seq\":7,\"sid\":\"s1\",\"mid\":\"m1\"}\n"));
/// assert_eq!(ChatObject::from_text(chat.text().as_bytes()), Some(chat));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatObject {
    /// The object without its closing brace.
    head: String,
}

/// Keys, and ids of ten digits: one allocation nearly always, and little to spare.
const HEAD_BYTES: usize = 80;

impl ChatObject {
    /// A message from one user to another.
    pub fn direct(from: UserId, name: &str, to: UserId, msg: &str, time: &str) -> Self {
        Self::encode(msgid::CHAT, from, name, (Key::TO_ID, to.0), msg, time)
    }

    /// A message from a member to a group.
    pub fn group(from: UserId, name: &str, group: GroupId, msg: &str, time: &str) -> Self {
        Self::encode(msgid::GROUP_CHAT, from, name, (Key::GROUP_ID, group.0), msg, time)
    }

    /// Reads what [`text`](Self::text) once gave, or what another server stored.
    ///
    /// White space and NULs behind the object are dropped, and so are fields that belong to one
    /// recipient alone. None if it is not a relayed message.
    pub fn from_text(stored: &[u8]) -> Option<Self> {
        let text = str::from_utf8(stored).ok()?;
        let text = text.trim_matches([' ', '\t', '\r', '\n', '\0']);
        let chat = stored_chat(text)?;
        let head = chat.strip_suffix('}')?.trim_ascii_end();
        Some(Self { head: head.to_owned() })
    }

    /// Appends the object as an original client gets it, and a newline.
    pub fn write_plain(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.head.as_bytes());
        ObjectWriter::resume(out).end_line();
    }

    /// Appends the object as an acknowledging client gets it, and a newline.
    ///
    /// `seq` counts the connection's pushes from 1, `sid` is the server's id of the message and
    /// `mid` its sender's.
    pub fn write_acknowledged(&self, out: &mut Vec<u8>, seq: u64, sid: &str, mid: &str) {
        out.extend_from_slice(self.head.as_bytes());
        ObjectWriter::resume(out)
            .unsigned(Key::SEQ, seq)
            .text(Key::SID, sid)
            .text(Key::MID, mid)
            .end_line();
    }

    /// The object in text, as it is stored and as a login answer's `offlinemsg` holds it.
    pub fn text(&self) -> String {
        format!("{}}}", self.head)
    }

    /// Bytes of [`text`](Self::text).
    pub fn text_bytes(&self) -> usize {
        self.head.len() + 1
    }

    fn encode(
        msgid: i64,
        from: UserId,
        name: &str,
        (recipient_key, recipient): (Key, i64),
        msg: &str,
        time: &str,
    ) -> Self {
        let mut head = String::with_capacity(HEAD_BYTES + name.len() + msg.len() + time.len());
        ObjectWriter::message(&mut head, msgid)
            .integer(Key::ID, from.0)
            .text(Key::NAME, name)
            .integer(recipient_key, recipient)
            .text(Key::MSG, msg)
            .text(Key::TIME, time);
        Self { head }
    }
}

#[cfg(test)]
mod tests;
