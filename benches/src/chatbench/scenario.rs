//! What can be measured, one file each.

use super::bench::Bench;
use super::options::Common;
use super::report::PhaseReport;
use serde::Serialize;
use std::io;

pub(super) mod group;
pub(super) mod hold;
pub(super) mod login;
pub(super) mod pairs;
pub(super) mod store;

/// A scenario with its options.
#[derive(Clone, Debug, clap::Subcommand, Serialize)]
#[serde(untagged)]
pub(super) enum Scenario {
    /// Pairs of clients send each other messages
    Pairs(pairs::Options),
    /// Messages to accounts that are offline, which then log in and get what waited
    Store(store::Options),
    /// Groups in which few speak and all hear
    Group(group::Options),
    /// Clients that log in, leave, and log in again
    Login(login::LoginOptions),
    /// Clients that all lose their connections at once and come back by their tokens
    Reconnect(login::ReconnectOptions),
    /// Many clients that are kept: what each costs the servers
    Hold(hold::Options),
}

impl Scenario {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Pairs(_) => "pairs",
            Self::Store(_) => "store",
            Self::Group(_) => "group",
            Self::Login(_) => "login",
            Self::Reconnect(_) => "reconnect",
            Self::Hold(_) => "hold",
        }
    }

    pub(super) fn common(&self) -> &Common {
        match self {
            Self::Pairs(options) => &options.common,
            Self::Store(options) => &options.common,
            Self::Group(options) => &options.common,
            Self::Login(options) => &options.common,
            Self::Reconnect(options) => &options.common,
            Self::Hold(options) => &options.common,
        }
    }

    pub(super) fn run(&self, bench: &Bench<'_>) -> io::Result<Vec<PhaseReport>> {
        match self {
            Self::Pairs(options) => pairs::run(options, bench),
            Self::Store(options) => store::run(options, bench),
            Self::Group(options) => group::run(options, bench),
            Self::Login(options) => login::run_login(options, bench),
            Self::Reconnect(options) => login::run_reconnect(options, bench),
            Self::Hold(options) => hold::run(options, bench),
        }
    }
}
