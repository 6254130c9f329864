//! What a client hears from a server, already taken apart.

use crate::{Delivery, Errno, FriendEntry, GroupEntry, GroupId, UserId};

/// One object from the server; [`decode_event`](crate::decode_event) reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// 1001
    LoginAnswer(LoginOutcome),
    /// 1004
    RegisterAnswer {
        /// The request's `mid`.
        mid: Option<String>,
        /// How it ended.
        status: Status,
        /// The new user.
        id: Option<UserId>,
    },
    /// 1005 or 1009
    Chat(Chat),
    /// 1010
    Answer {
        /// The request's `mid`.
        mid: Option<String>,
        /// How it ended.
        status: Status,
        /// The group that was created.
        group: Option<GroupId>,
        /// Where a message is now.
        state: Option<Delivery>,
    },
    /// 1012
    Ping,
    /// 1013
    Pong,
    /// 1014
    Goodbye {
        /// The reason.
        status: Status,
    },
    /// A `msgid` of a later protocol.
    Unknown(i64),
}

/// How a request ended, as the server said it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// `errno`, which may be one that this version does not know.
    pub code: i64,
    /// `errmsg`, when the server sent one.
    pub errmsg: Option<String>,
    /// Milliseconds to wait before trying again.
    pub retry_ms: Option<u64>,
}

/// What a login answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginOutcome {
    /// The request's `mid`.
    pub mid: Option<String>,
    /// How the login ended.
    pub status: Status,
    /// The user, when the login succeeded.
    pub id: Option<UserId>,
    /// The user's name, when the login succeeded.
    pub name: Option<String>,
    /// The user's friends.
    pub friends: Vec<FriendEntry>,
    /// The user's groups.
    pub groups: Vec<GroupEntry>,
    /// What waited, when the client does not acknowledge.
    pub offline: Vec<Chat>,
    /// Lets an acknowledging client resume.
    pub token: Option<String>,
}

/// A message that someone sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chat {
    /// The sender.
    pub from: UserId,
    /// The sender's name.
    pub name: String,
    /// Whom it was sent to.
    pub target: Target,
    /// The text.
    pub msg: String,
    /// When it was sent, as the sender or the server wrote it.
    pub time: String,
    /// The number to acknowledge it by, when the login asked for acknowledging.
    pub seq: Option<u64>,
    /// The server's id of the message.
    pub sid: Option<String>,
    /// The sender's id of the message; with `from` it tells a repeat.
    pub mid: Option<String>,
}

/// Whom a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// One user.
    User(UserId),
    /// Every other member of a group.
    Group(GroupId),
}

impl Status {
    /// Whether the request succeeded.
    pub fn is_ok(&self) -> bool {
        self.errno() == Some(Errno::Ok)
    }

    /// The error, if this version knows it.
    pub fn errno(&self) -> Option<Errno> {
        Errno::from_code(self.code)
    }
}
