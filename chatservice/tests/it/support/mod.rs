//! What the tests share: a real server process, a client that speaks the wire protocol, and the
//! words in which the tests are written.

mod account;
mod client;
mod inbox;
mod server;
mod talk;
mod texts;

pub(crate) use account::{Account, unique_name};
pub(crate) use client::{Client, DEADLINE, Incoming, fresh_mid};
pub(crate) use inbox::Inbox;
pub(crate) use server::TestServer;
pub(crate) use testbed::{Database, Ended, Launch, MariaDb, free_port, wait_for_exit, wait_until};
pub(crate) use texts::{INJECTIONS, TEXTS};

/// A seed for a randomized test: from `CHAT_IT_SEED` when set, else fresh. Printed, so that a
/// failure can be repeated.
pub(crate) fn seed(test: &str) -> u64 {
    let told = std::env::var("CHAT_IT_SEED").ok().and_then(|text| text.parse().ok());
    let seed = told.unwrap_or_else(|| fastrand::u64(..));
    println!("{test}: CHAT_IT_SEED={seed}");
    seed
}
