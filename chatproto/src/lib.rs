//! The chat protocol: what a client and a ChatServer say to each other.
//!
//! ```text
//! bytes --Framer--> text of one object --decode--> Envelope   (what a client asks)
//!                                      --decode_event--> Event (what a server says)
//! Envelope, Answer, LoginAnswer, ChatObject, Goodbye ... --write--> bytes
//! ```
//!
//! It does no I/O, starts no thread, reads no clock and keeps no session: whether a request is
//! allowed is for the server to say. Bytes from a network cannot make it panic.

#![doc = include_str!("exchange.md")]
#![deny(missing_docs)]

mod ids;
mod codes;
pub mod limits;
mod framing;
mod request;
mod error;
mod answer;
mod entries;
mod push;
mod chat_object;
mod client_request;
mod event;
mod json;

pub use answer::{Answer, Delivery, LoginAnswer, RegisterAnswer};
pub use chat_object::ChatObject;
pub use codes::{Errno, msgid};
pub use entries::{FriendEntry, GroupEntry, MemberEntry, Role};
pub use error::DecodeError;
pub use event::{Chat, Event, LoginOutcome, Status, Target};
pub use framing::{Framer, FramingError, Scan};
pub use ids::{GroupId, UserId};
pub use json::{decode, decode_event};
pub use limits::name_is_allowed;
pub use push::{Goodbye, ping, pong};
pub use request::{Credentials, Envelope, Login, Request};
