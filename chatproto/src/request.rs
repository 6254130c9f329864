//! What a client may ask for, already checked: types, sizes and ranges.

use crate::{GroupId, UserId};
use std::borrow::Cow;

/// A request and the name that its sender gave it.
///
/// [`decode`](crate::decode) reads one and [`write`](Self::write) writes one. Strings without
/// escapes are borrowed from the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The sender's name for the request, 1 to 64 characters; it asks for an answer.
    pub mid: Option<Cow<'a, str>>,
    /// The request.
    pub request: Request<'a>,
}

/// What is asked for.
///
/// `id` is the sender's own, for the server to compare with the login's; it never decides who
/// sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request<'a> {
    /// 1000
    Login(Login<'a>),
    /// 1002
    Logout {
        /// The sender, if told.
        id: Option<UserId>,
    },
    /// 1003
    Register {
        /// Any string; see [`name_is_allowed`](crate::name_is_allowed).
        name: Cow<'a, str>,
        /// 1 to 1024 bytes.
        password: Cow<'a, str>,
    },
    /// 1005
    Chat {
        /// The sender, if told.
        id: Option<UserId>,
        /// The recipient.
        to: UserId,
        /// Any text.
        msg: Cow<'a, str>,
        /// The sender's time, when it is a string of at most 32 characters.
        time: Option<Cow<'a, str>>,
    },
    /// 1006
    AddFriend {
        /// The sender, if told.
        id: Option<UserId>,
        /// The new friend.
        friend: UserId,
    },
    /// 1007
    CreateGroup {
        /// The sender, if told.
        id: Option<UserId>,
        /// 1 to 50 characters, none a control character.
        name: Cow<'a, str>,
        /// 0 to 200 characters.
        description: Cow<'a, str>,
    },
    /// 1008
    JoinGroup {
        /// The sender, if told.
        id: Option<UserId>,
        /// The group.
        group: GroupId,
    },
    /// 1009
    GroupChat {
        /// The sender, if told.
        id: Option<UserId>,
        /// The group.
        group: GroupId,
        /// Any text.
        msg: Cow<'a, str>,
        /// The sender's time, when it is a string of at most 32 characters.
        time: Option<Cow<'a, str>>,
    },
    /// 1011: the client has every push up to `seq`.
    Received {
        /// The last one that it has.
        seq: u64,
    },
    /// 1012
    Ping,
    /// 1013
    Pong,
}

/// A login and what the client wants on top of the original's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login<'a> {
    /// Who, and how it is proved.
    pub credentials: Credentials<'a>,
    /// The client acknowledges what is pushed to it.
    pub ack: bool,
    /// Take the account over from an older connection.
    pub force: bool,
}

/// How a client proves who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials<'a> {
    /// As the original client does.
    Password {
        /// The user.
        id: UserId,
        /// 1 to 1024 bytes.
        password: Cow<'a, str>,
    },
    /// With the token of an earlier login answer.
    Token(Cow<'a, str>),
}
