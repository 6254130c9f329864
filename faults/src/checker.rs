//! Says whether what clients saw is what the contract promises. Pure: it reads a history and
//! nothing else.

mod arrival;
mod bystanders;
mod ledger;
mod pings;
mod timing;
mod verdict;

use crate::history::Event;

pub use verdict::{Kind, Row, Verdict, Violation};

use arrival::Arrival;
use bystanders::Bystanders;
use ledger::Ledger;
use timing::Timing;
use verdict::Findings;

/// What is demanded besides the contract's words.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The 99th percentile of pings, in microseconds, beyond that of the bare echo.
    pub ping: u64,
    /// From a fault's end to the first new message that was answered, in microseconds.
    pub recovery: u64,
    /// From a message's answer to its arrival at a recipient who is there, in microseconds.
    pub arrival: u64,
}

impl Default for Limits {
    /// The numbers of the promise: 50 ms, 5 s, and a few seconds.
    fn default() -> Self {
        Self { ping: 50_000, recovery: 5_000_000, arrival: 5_000_000 }
    }
}

/// Judges a whole history, quiet at its end.
pub fn check(events: &[Event], limits: Limits) -> Verdict {
    let mut findings = Findings::default();
    let mut ledger = Ledger::default();
    let mut timing = Timing::default();
    let mut arrival = Arrival::default();
    let mut bystanders = Bystanders::default();
    for event in events {
        let news = ledger.take(event, &mut findings);
        timing.take(event, news, &ledger);
        arrival.take(event, news, &ledger, limits, &mut findings);
        bystanders.take(event, &mut findings);
    }
    ledger.close(&mut findings);
    timing.close(limits, &mut findings);
    verdict::sum_up(&ledger, &timing, findings)
}

/// Entries are named after the node that they lead to, or after what chooses one.
fn node_of(entry: &str) -> Option<&str> {
    entry.rsplit(' ').next().filter(|node| node.parse::<usize>().is_ok())
}

#[cfg(test)]
mod tests;
