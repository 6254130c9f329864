//! What the tests share: a real server process, a client that speaks the wire protocol, and the
//! words in which the tests are written.

mod account;
mod client;
mod ending;
mod guard;
mod inbox;
mod launch;
mod mariadb;
mod port;
mod server;
mod talk;
mod texts;

pub(crate) use account::{Account, unique_name};
pub(crate) use client::{Client, DEADLINE, Incoming, fresh_mid};
pub(crate) use ending::{Ended, wait_for_exit};
pub(crate) use inbox::Inbox;
pub(crate) use launch::Launch;
pub(crate) use mariadb::{Database, MariaDb};
pub(crate) use port::free_port;
pub(crate) use server::TestServer;
pub(crate) use texts::{INJECTIONS, TEXTS};

use std::time::{Duration, Instant};

/// Asks `condition` again and again until it holds; fails with `what` after `limit`.
pub(crate) fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A seed for a randomized test: from `CHAT_IT_SEED` when set, else fresh. Printed, so that a
/// failure can be repeated.
pub(crate) fn seed(test: &str) -> u64 {
    let told = std::env::var("CHAT_IT_SEED").ok().and_then(|text| text.parse().ok());
    let seed = told.unwrap_or_else(|| fastrand::u64(..));
    println!("{test}: CHAT_IT_SEED={seed}");
    seed
}
