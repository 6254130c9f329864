//! Groups in which few speak and all hear.

use crate::chatbench::assembly;
use crate::chatbench::bench::{Bench, Title, check_descriptors};
use crate::chatbench::floor;
use crate::chatbench::net::{Net, Waiting};
use crate::chatbench::options::{Common, rate};
use crate::chatbench::report::PhaseReport;
use crate::chatbench::talk::{Counted, Manner, Next, Online, Talk, WINDOW_MAX, window};
use chatproto::Target;
use serde::Serialize;
use std::io;

/// See the module.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub(in crate::chatbench) struct Options {
    /// Members of each group, all online
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    members: u32,
    /// Groups, each with members of its own
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    groups: u32,
    /// Members of a group that speak
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    speakers: u32,
    /// Closed loop: messages of a speaker that are under way, that is, which not all members have
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=WINDOW_MAX as i64))]
    in_flight: u16,
    /// Open loop: messages a second of all speakers together, whatever the server does; latency counts
    /// from when a message was to be sent
    #[arg(long, value_name = "MESSAGES", value_parser = rate, conflicts_with = "in_flight")]
    rate: Option<f64>,
    /// Before and after it, measures on the same processor a loop that does nothing but read an object
    /// and write it to as many connections: for one group, one speaker and one message under way
    #[arg(long, conflicts_with_all = ["server", "rate", "groups", "speakers", "in_flight"])]
    floor: bool,
    /// The load never sleeps, so that the server's processor need not wake it for messages, as it need
    /// not for clients on other machines
    #[arg(long)]
    poll: bool,
    #[command(flatten)]
    pub(in crate::chatbench) common: Common,
}

const TITLE: Title =
    Title { name: "fan-out", unit: "deliveries", timed: &["until received", "until answered"] };

pub(in crate::chatbench) fn run(
    options: &Options,
    bench: &Bench<'_>,
) -> io::Result<Vec<PhaseReport>> {
    let (members, groups) = (options.members as usize, options.groups as usize);
    let speakers = options.speakers as usize;
    if speakers > members {
        return Err(io::Error::other("--speakers: a group has no more speakers than --members"));
    }
    let clients = members * groups;
    check_descriptors(clients)?;
    if options.floor && members > floor::CONNECTIONS_MAX {
        let text = format!("--floor: at most {} members", floor::CONNECTIONS_MAX);
        return Err(io::Error::other(text));
    }
    let waiting = if options.poll { Waiting::Poll } else { Waiting::Sleep };
    let mut phases = Vec::new();
    if options.floor {
        phases.push(floor::measure(bench, members, waiting)?);
    }
    let people = bench.spread(bench.people(clients)?, 1);
    let mut talk = Talk::new(people, options.manner(bench.first));
    let mut net = Net::new(clients)?;
    bench.arrive(&mut net, &mut talk, 0..clients)?;
    eprintln!("{groups} groups of {members} members gather");
    let ids = assembly::gather(&mut net, groups, members)?;
    for (at, id) in ids.into_iter().enumerate() {
        let all = at * members..(at + 1) * members;
        for speaker in all.clone().take(speakers) {
            let others = all.clone().filter(|who| *who != speaker);
            talk.add_route(speaker, Target::Group(id), others, Online::All);
            if options.rate.is_none() {
                talk.grant(speaker, options.in_flight.into());
            }
        }
    }
    net.set_waiting(waiting);
    phases.push(bench.converse(&mut net, &mut talk, options.rate, TITLE)?);
    drop(net);
    if options.floor {
        phases.push(floor::measure(bench, members, waiting)?);
    }
    Ok(phases)
}

impl Options {
    fn manner(&self, first: u64) -> Manner {
        let next = if self.rate.is_some() { Next::Schedule } else { Next::Settlement };
        let speakers = self.speakers as usize * self.groups as usize;
        Manner {
            style: self.common.style(),
            next,
            window: window(speakers, self.in_flight),
            first,
            counted: Counted::Receipts,
            bytes: self.common.bytes.into(),
        }
    }
}
