//! Message and error numbers, the same as in the C++ project's `public.hpp`.

use std::fmt;

/// What an object is, in its field `msgid`.
pub mod msgid {
    /// Request: log in.
    pub const LOGIN: i64 = 1000;
    /// Answer to [`LOGIN`].
    pub const LOGIN_ACK: i64 = 1001;
    /// Request: log out; the connection stays.
    pub const LOGOUT: i64 = 1002;
    /// Request: create an account.
    pub const REGISTER: i64 = 1003;
    /// Answer to [`REGISTER`].
    pub const REGISTER_ACK: i64 = 1004;
    /// Request and push: a message to one user.
    pub const CHAT: i64 = 1005;
    /// Request: add a friend.
    pub const ADD_FRIEND: i64 = 1006;
    /// Request: create a group.
    pub const CREATE_GROUP: i64 = 1007;
    /// Request: join a group.
    pub const JOIN_GROUP: i64 = 1008;
    /// Request and push: a message to a group.
    pub const GROUP_CHAT: i64 = 1009;
    /// Answer to any request but [`LOGIN`] and [`REGISTER`].
    pub const ANSWER: i64 = 1010;
    /// Request: acknowledge what was pushed.
    pub const RECEIVED: i64 = 1011;
    /// Either way: are you there?
    pub const PING: i64 = 1012;
    /// Either way: I am.
    pub const PONG: i64 = 1013;
    /// Push: the server is about to close the connection, and why.
    pub const GOODBYE: i64 = 1014;
}

/// How a request ended, in the field `errno`. Its `Display` is the default `errmsg`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Errno {
    /// Done.
    #[default]
    Ok = 0,
    /// Login: wrong id or password. Register: name taken or not allowed.
    Refused = 1,
    /// Login: the account is online elsewhere.
    AlreadyOnline = 2,
    /// The request is not one, or a field is missing, of the wrong type or out of range.
    BadRequest = 100,
    /// The request needs a login.
    NotLoggedIn = 101,
    /// The session may not do this.
    Forbidden = 102,
    /// No such user.
    NoSuchUser = 103,
    /// No such group.
    NoSuchGroup = 104,
    /// The object is larger than allowed.
    TooLarge = 105,
    /// Busy; try again after `retry_ms`.
    Busy = 106,
    /// The store cannot take it now; try again.
    StoreUnavailable = 107,
    /// The group's name is taken.
    NameTaken = 108,
    /// The account logged in elsewhere.
    TakenOver = 109,
    /// The client reads too slowly.
    TooSlow = 110,
    /// The server is shutting down.
    ShuttingDown = 111,
}

impl Errno {
    const ALL: [Self; 15] = [
        Self::Ok,
        Self::Refused,
        Self::AlreadyOnline,
        Self::BadRequest,
        Self::NotLoggedIn,
        Self::Forbidden,
        Self::NoSuchUser,
        Self::NoSuchGroup,
        Self::TooLarge,
        Self::Busy,
        Self::StoreUnavailable,
        Self::NameTaken,
        Self::TakenOver,
        Self::TooSlow,
        Self::ShuttingDown,
    ];

    /// The number on the wire.
    pub const fn code(self) -> i64 {
        self as i64
    }

    /// The error with this number on the wire, if there is one.
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|errno| errno.code() == code)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            // The original server's words, spelling included: its clients may compare them.
            Self::AlreadyOnline => "this account is using, input another!",
            Self::BadRequest => "bad request",
            Self::NotLoggedIn => "not logged in",
            Self::Forbidden => "forbidden",
            Self::NoSuchUser => "no such user",
            Self::NoSuchGroup => "no such group",
            Self::TooLarge => "too large",
            Self::Busy => "busy, try again later",
            Self::StoreUnavailable => "the store cannot take it now, try again",
            Self::NameTaken => "name taken",
            Self::TakenOver => "taken over by another login",
            Self::TooSlow => "too slow",
            Self::ShuttingDown => "shutting down",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_leads_back_to_its_error() {
        for code in -1..200 {
            if let Some(errno) = Errno::from_code(code) {
                assert_eq!(errno.code(), code);
            }
        }
        let known = (-1..200).filter(|code| Errno::from_code(*code).is_some()).count();
        assert_eq!(known, Errno::ALL.len());
        assert_eq!(Errno::from_code(109), Some(Errno::TakenOver));
        assert_eq!(Errno::from_code(3), None);
    }
}
