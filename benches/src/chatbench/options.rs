//! The command line: what all scenarios have in common.

use crate::accounts::Style;
use serde::Serialize;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

/// Options of every scenario.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub(super) struct Common {
    /// Servers that run already; clients are spread over them
    /// [default: a ChatServer is started, on a processor of its own]
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',', value_parser = address)]
    pub(super) server: Vec<SocketAddr>,
    /// Processes whose CPU time and memory are measured besides those that listen at --server
    #[arg(long, value_name = "PID", value_delimiter = ',')]
    pub(super) pid: Vec<u32>,
    #[command(flatten)]
    pub(super) own: Own,
    /// Clients acknowledge what they receive, give each message a mid, and hear what becomes of it
    #[arg(long)]
    pub(super) ack: bool,
    /// Bytes of a message's text
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(16..=16_000))]
    pub(super) bytes: u16,
    /// Seconds that are counted
    #[arg(long, default_value_t = 10.0, value_parser = seconds)]
    pub(super) seconds: f64,
    /// Seconds before them that are not
    #[arg(long, default_value_t = 1.0, value_parser = seconds)]
    pub(super) warm_up: f64,
    /// Seconds between two samples, and lines of progress
    #[arg(long, default_value_t = 1.0, value_parser = seconds)]
    pub(super) every: f64,
    #[command(flatten)]
    pub(super) accounts: Accounts,
    #[command(flatten)]
    pub(super) output: Output,
}

/// The ChatServer that is started when none is named.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub(super) struct Own {
    /// The ChatServer to start [default: beside this program]
    #[arg(long, value_name = "PROGRAM", conflicts_with = "server")]
    pub(super) program: Option<PathBuf>,
    /// Its loops
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "server")]
    pub(super) threads: u16,
    /// Memory of its password hashes in KiB: less than its default, so that logins are cheap
    #[arg(long, value_name = "KIB", default_value_t = 8, conflicts_with = "server")]
    pub(super) password_kib: u32,
    /// One more flag for it, as --server-flag=--patience-ms=500
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true, conflicts_with = "server")]
    pub(super) server_flag: Vec<String>,
}

/// Where the clients' accounts come from.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub(super) struct Accounts {
    /// Accounts of earlier runs, which are used first; new ones are added
    #[arg(long, value_name = "FILE")]
    pub(super) accounts: Option<PathBuf>,
    /// New accounts are called this and a number [default: bench-, and the time]
    #[arg(long, value_name = "TEXT")]
    pub(super) prefix: Option<String>,
    /// Registrations under way at a time
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(super) registrations: u16,
    /// Logins under way at a time, while clients arrive
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(super) logins: u16,
}

/// Where the results go besides standard output.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub(super) struct Output {
    /// Writes everything that was measured, with all samples
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Draws throughput and latency over time
    #[arg(long, value_name = "FILE")]
    pub(super) svg: Option<PathBuf>,
}

impl Common {
    /// How clients log in.
    pub(super) fn style(&self) -> Style {
        if self.ack { Style::Acknowledged } else { Style::Original }
    }

    /// The time that is counted.
    pub(super) fn counted(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

impl Own {
    /// The flags that it is started with.
    pub(super) fn flags(&self) -> Vec<String> {
        let Self { threads, password_kib, server_flag, .. } = self;
        let mut flags =
            vec![format!("--threads={threads}"), format!("--password-kib={password_kib}")];
        flags.extend(server_flag.iter().cloned());
        flags
    }
}

/// Messages a second; open loop.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    within(text, 0.001, 1e8, "messages a second")
}

/// A share of all.
pub(super) fn share(text: &str) -> Result<f64, String> {
    within(text, 0.0, 1.0, "of all")
}

fn seconds(text: &str) -> Result<f64, String> {
    // The bound keeps the list of samples short enough.
    within(text, 0.01, 86_400.0, "seconds")
}

fn within(text: &str, least: f64, most: f64, unit: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| format!("{text} is no number"))?;
    if (least..=most).contains(&value) {
        Ok(value)
    } else {
        Err(format!("{least} to {most} {unit}"))
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let mut found =
        text.to_socket_addrs().map_err(|error| format!("HOST:PORT is needed: {error}"))?;
    found.next().ok_or_else(|| format!("{text} has no address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_bounds() {
        assert_eq!(rate("1000"), Ok(1000.0));
        assert_eq!(share("0.25"), Ok(0.25));
        assert!(rate("0").unwrap_err().contains("messages a second"));
        assert!(share("1.5").is_err() && seconds("nan").is_err() && seconds("x").is_err());
    }

    #[test]
    fn addresses_have_a_port() {
        assert_eq!(address("127.0.0.1:6000"), Ok(SocketAddr::from(([127, 0, 0, 1], 6000))));
        assert!(address("127.0.0.1").unwrap_err().contains("HOST:PORT"));
    }
}
