//! ChatClient: the terminal client of the chat server.
//!
//! ```text
//! keyboard --line--> dialogue --Input--> session --Effect--> screen (through view), link
//! link ----event-----------------------> session
//! ```
//!
//! Everything that decides is pure: [`session`] with its outbox and inbox, [`dialogue`],
//! [`command`] and [`view`] are given the time and do no I/O. The keyboard, the screen and the
//! link are threads that talk to the one loop in [`client`], which owns the rest.

pub mod args;
pub mod command;
pub mod dialogue;
pub mod notice;
pub mod session;
mod outbox;
mod inbox;
mod backoff;
pub mod message_ids;
pub mod view;
pub mod sanitize;
pub mod client;
mod keyboard;
mod editor;
mod screen;
mod link;
