//! Pairs of clients that send each other messages.

use crate::chatbench::bench::{Bench, Title, check_descriptors};
use crate::chatbench::net::Net;
use crate::chatbench::options::{Common, rate};
use crate::chatbench::report::PhaseReport;
use crate::chatbench::talk::{Counted, Manner, Next, Online, Talk, WINDOW_MAX, window};
use chatproto::{Target, UserId};
use serde::Serialize;
use std::io;

/// See the module.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub(in crate::chatbench) struct Options {
    /// Pairs of clients
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pairs: u32,
    /// Closed loop: messages of a pair that are under way; each one that arrives is answered by the next
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=WINDOW_MAX as i64))]
    in_flight: u16,
    /// Open loop: messages a second of all clients together, whatever the server does; latency counts
    /// from when a message was to be sent
    #[arg(long, value_name = "MESSAGES", value_parser = rate, conflicts_with = "in_flight")]
    rate: Option<f64>,
    /// Partners are on different servers
    #[arg(long)]
    across: bool,
    #[command(flatten)]
    pub(in crate::chatbench) common: Common,
}

const TITLE: Title =
    Title { name: "chat", unit: "messages", timed: &["until received", "until answered"] };

pub(in crate::chatbench) fn run(
    options: &Options,
    bench: &Bench<'_>,
) -> io::Result<Vec<PhaseReport>> {
    if options.across && bench.servers.len() < 2 {
        return Err(io::Error::other("--across needs two servers: --server A,B"));
    }
    let clients = options.pairs as usize * 2;
    check_descriptors(clients)?;
    let neighbours = if options.across { 1 } else { 2 };
    let people = bench.spread(bench.people(clients)?, neighbours);
    let mut talk = Talk::new(people, options.manner(bench.first));
    add_pairs(&mut talk, 0..clients);
    if options.rate.is_none() {
        (0..clients).step_by(2).for_each(|who| talk.grant(who, options.in_flight.into()));
    }
    let mut net = Net::new(clients)?;
    bench.arrive(&mut net, &mut talk, 0..clients)?;
    Ok(vec![bench.converse(&mut net, &mut talk, options.rate, TITLE)?])
}

/// Has each two neighbours send to each other; all of them are online.
pub(in crate::chatbench) fn add_pairs(talk: &mut Talk, clients: std::ops::Range<usize>) {
    for who in clients {
        let partner = who ^ 1;
        let target = Target::User(UserId(talk.person(partner).id));
        talk.add_route(who, target, [partner], Online::All);
    }
}

impl Options {
    fn manner(&self, first: u64) -> Manner {
        let next = if self.rate.is_some() { Next::Schedule } else { Next::Receipt };
        Manner {
            style: self.common.style(),
            next,
            window: window(self.pairs as usize * 2, self.in_flight),
            first,
            counted: Counted::Receipts,
            bytes: self.common.bytes.into(),
        }
    }
}
