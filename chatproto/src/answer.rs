//! What the server answers to a request; each writes one object and a newline.

use crate::codes::msgid;
use crate::json::{Key, ObjectWriter};
use crate::{Errno, FriendEntry, GroupEntry, GroupId, UserId};

/// 1010: the answer to any request but login and register.
///
/// ```
/// use chatproto::{Answer, Delivery};
///
/// let mut out = Vec::new();
/// let state = Some(Delivery::Stored);
/// Answer { mid: Some("a1"), state, ..Answer::default() }.write(&mut out);
/// assert_eq!(out, b"{\"msgid\":1010,\"mid\":\"a1\",\"errno\":0,\"state\":\"stored\"}\n");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The request's `mid`, repeated.
    pub mid: Option<&'a str>,
    /// How the request ended.
    pub errno: Errno,
    /// The words for an error; the default ones unless told.
    pub errmsg: Option<&'a str>,
    /// The group that was created.
    pub group: Option<GroupId>,
    /// Where a message is now.
    pub state: Option<Delivery>,
    /// Milliseconds to wait before trying again.
    pub retry_ms: Option<u64>,
}

/// Where a message that the server answers for is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Every recipient has it.
    Delivered,
    /// The store holds it for those recipients who do not have it.
    Stored,
}

impl Delivery {
    pub(crate) const DELIVERED: &'static str = "delivered";
    pub(crate) const STORED: &'static str = "stored";

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => Self::DELIVERED,
            Self::Stored => Self::STORED,
        }
    }
}

/// 1001: the answer to a login.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoginAnswer<'a> {
    /// The request's `mid`, repeated.
    pub mid: Option<&'a str>,
    /// How the login ended.
    pub errno: Errno,
    /// The words for an error; the default ones unless told.
    pub errmsg: Option<&'a str>,
    /// Milliseconds to wait before trying again.
    pub retry_ms: Option<u64>,
    /// The user, when `errno` is 0.
    pub id: Option<UserId>,
    /// The user's name, when `errno` is 0.
    pub name: &'a str,
    /// The user's friends.
    pub friends: &'a [FriendEntry],
    /// The user's groups.
    pub groups: &'a [GroupEntry],
    /// What waited for a client that does not acknowledge: texts of
    /// [`ChatObject`](crate::ChatObject)s, oldest first.
    pub offline: &'a [&'a str],
    /// Lets an acknowledging client resume.
    pub token: Option<&'a str>,
}

/// 1004: the answer to a registration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegisterAnswer<'a> {
    /// The request's `mid`, repeated.
    pub mid: Option<&'a str>,
    /// How the registration ended.
    pub errno: Errno,
    /// The words for an error; the default ones unless told.
    pub errmsg: Option<&'a str>,
    /// Milliseconds to wait before trying again.
    pub retry_ms: Option<u64>,
    /// The new user, when `errno` is 0.
    pub id: Option<UserId>,
}

impl Answer<'_> {
    /// Appends the object and a newline.
    pub fn write(&self, out: &mut Vec<u8>) {
        ObjectWriter::message(out, msgid::ANSWER)
            .optional_text(Key::MID, self.mid)
            .outcome(self.errno, self.errmsg, self.retry_ms)
            .optional_integer(Key::GROUP_ID, self.group.map(|group| group.0))
            .optional_text(Key::STATE, self.state.map(Delivery::as_str))
            .end_line();
    }
}

impl LoginAnswer<'_> {
    /// Appends the object and a newline; an error tells nothing of the account.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut object = ObjectWriter::message(out, msgid::LOGIN_ACK);
        object.optional_text(Key::MID, self.mid).outcome(self.errno, self.errmsg, self.retry_ms);
        if self.errno == Errno::Ok {
            object
                .optional_integer(Key::ID, self.id.map(|id| id.0))
                .text(Key::NAME, self.name)
                .optional_text(Key::TOKEN, self.token)
                .texts(Key::FRIENDS, self.friends, FriendEntry::write)
                .texts(Key::GROUPS, self.groups, GroupEntry::write)
                .texts(Key::OFFLINE, self.offline, |text, out| out.push_str(text));
        }
        object.end_line();
    }
}

impl RegisterAnswer<'_> {
    /// Appends the object and a newline.
    pub fn write(&self, out: &mut Vec<u8>) {
        ObjectWriter::message(out, msgid::REGISTER_ACK)
            .optional_text(Key::MID, self.mid)
            .outcome(self.errno, self.errmsg, self.retry_ms)
            .optional_integer(Key::ID, self.id.map(|id| id.0))
            .end_line();
    }
}

#[cfg(test)]
mod tests;
