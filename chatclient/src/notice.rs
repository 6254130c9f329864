//! What the user is told; how it reads is for the view to say.

use chatproto::{Chat, Delivery, GroupId, LoginOutcome, Request, Status, UserId};
use std::time::Duration;

/// One thing to tell the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The list of commands.
    Help,
    /// What was typed cannot be done, and why.
    Invalid(String),

    /// The first connection failed.
    CannotConnect(String),
    /// The connection is gone, and why; it is being made again.
    ConnectionLost(String),
    /// The session goes on after the connection was lost.
    Reconnected,
    /// The server says why it is about to close the connection.
    Goodbye(Status),
    /// The account logged in elsewhere; this session is over.
    TakenOver,
    /// The session could not be resumed.
    SessionEnded(Status),

    /// Logged in, with the lists.
    LoggedIn(Box<LoginOutcome>),
    /// The login was refused.
    LoginRefused(Status),
    /// The account is online elsewhere.
    AlreadyOnline,
    /// Login or registration has to be tried again later, which happens by itself.
    EntranceBusy(Status),
    /// Login or registration got no answer in time.
    EntranceGaveUp,
    /// Registered.
    Registered {
        /// The new user.
        id: UserId,
        /// The new user's name.
        name: String,
    },
    /// The registration was refused.
    RegistrationRefused(Status),
    /// The connection was lost before the answer to the registration came.
    RegistrationUnknown,
    /// Logged out.
    LoggedOut,

    /// Someone's message.
    Chat(Box<Chat>),
    /// A request was answered for good.
    Settled(Box<Settled>),
    /// A request will be sent again.
    Postponed {
        /// The request.
        request: Box<Request<'static>>,
        /// In how long.
        wait: Duration,
    },
    /// An error that belongs to no request.
    ServerError(Status),
    /// An object from the server that could not be understood was skipped.
    Unreadable,

    /// This many requests have no answer; no more are taken until one has.
    OutboxFull(usize),
    /// This many requests are waited for before leaving.
    AwaitingAnswers(usize),
    /// This many requests stayed without an answer.
    Unanswered(usize),
    /// Another user's requests that had no answer are given up.
    Abandoned {
        /// Whose requests.
        owner: UserId,
        /// How many.
        count: usize,
    },
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The request.
    pub request: Request<'static>,
    /// What the server said.
    pub status: Status,
    /// Where a message is now.
    pub state: Option<Delivery>,
    /// The group that was created.
    pub group: Option<GroupId>,
    /// The request was sent more than once, so that the answer may be to a repeat.
    pub was_repeated: bool,
}
