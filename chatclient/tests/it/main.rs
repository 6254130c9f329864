//! The program itself, through pipes, against a server that the test plays.

// `cfg(test)` tells clippy that helpers are tests too and may unwrap.
#[cfg(test)]
mod support;

mod menu;
mod messages;
mod reconnect;
