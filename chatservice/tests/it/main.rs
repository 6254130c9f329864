//! The chat server from outside: the real program, real sockets, and the wire contract.
//!
//! Every test says what the contract promises and holds the server to it. Waiting is always for
//! a condition with a deadline; that something does *not* come is shown by something that comes
//! after it. Random tests print their seed; `CHAT_IT_SEED` repeats them.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test crate: helpers outside of test functions may fail the test, too"
)]

mod cli;
mod cluster;
mod delivery;
mod durability;
mod framing;
mod health;
mod hostile;
mod limits;
mod mysql;
mod mysql_store;
mod protocol;
mod proxy;
mod sessions;
mod storm;
mod support;
mod tidy;
