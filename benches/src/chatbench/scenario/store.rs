//! Messages to accounts that are offline; then those log in and get what waited.

use crate::chatbench::bench::{Bench, Title, check_descriptors, settle};
use crate::chatbench::drive::{Until, drive};
use crate::chatbench::net::Net;
use crate::chatbench::options::{Common, rate};
use crate::chatbench::report::{Fact, PhaseReport};
use crate::chatbench::talk::{Counted, Manner, Next, Online, Talk, WINDOW_MAX, window};
use chatproto::{Target, UserId};
use serde::Serialize;
use std::io;
use std::ops::Range;

/// See the module.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub(in crate::chatbench) struct Options {
    /// Clients that send, each with a mid
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    senders: u32,
    /// Accounts that are offline; each gets messages of one sender, or of several where those are more
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    recipients: u32,
    /// Closed loop: messages of a sender that are under way
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=WINDOW_MAX as i64))]
    in_flight: u16,
    /// Open loop: messages a second of all senders together, whatever the server does; latency counts
    /// from when a message was to be sent
    #[arg(long, value_name = "MESSAGES", value_parser = rate, conflicts_with = "in_flight")]
    rate: Option<f64>,
    /// Only stores; the messages stay in the accounts
    #[arg(long)]
    no_drain: bool,
    #[command(flatten)]
    pub(in crate::chatbench) common: Common,
}

const STORE: Title = Title { name: "store", unit: "messages", timed: &["until stored"] };
const DRAIN: Title = Title { name: "drain", unit: "messages", timed: &["since the login began"] };

pub(in crate::chatbench) fn run(
    options: &Options,
    bench: &Bench<'_>,
) -> io::Result<Vec<PhaseReport>> {
    let (senders, recipients) = (options.senders as usize, options.recipients as usize);
    let clients = senders + recipients;
    check_descriptors(clients)?;
    let people = bench.spread(bench.people(clients)?, 1);
    let mut talk = Talk::new(people, options.manner(bench.first));
    for at in 0..senders.max(recipients) {
        let (from, to) = (at % senders, senders + at % recipients);
        let target = Target::User(UserId(talk.person(to).id));
        talk.add_route(from, target, [to], Online::Nobody);
    }
    talk.set_strides();
    if options.rate.is_none() {
        (0..senders).for_each(|who| talk.grant(who, options.in_flight.into()));
    }
    let mut net = Net::new(clients)?;
    bench.arrive(&mut net, &mut talk, 0..senders)?;
    let stored = bench.converse(&mut net, &mut talk, options.rate, STORE)?;
    if options.no_drain {
        return Ok(vec![stored]);
    }
    let drained = drain(bench, &mut net, &mut talk, senders..clients)?;
    Ok(vec![stored, drained])
}

fn drain(
    bench: &Bench<'_>,
    net: &mut Net,
    talk: &mut Talk,
    recipients: Range<usize>,
) -> io::Result<PhaseReport> {
    let waiting = talk.begin_drain();
    let count = recipients.len();
    let mut recorder = bench.record(DRAIN)?;
    talk.arrive(net, recipients, bench.common.accounts.logins.into())?;
    drive(net, talk, Some(&mut recorder), &Until::Done(Talk::undrained))?;
    settle(net, talk)?;
    let each = waiting as f64 / count as f64;
    let facts = vec![
        Fact::new("that waited", waiting as f64, "messages"),
        Fact::new("for each account", each, "messages"),
        Fact::new("accounts that logged in", count as f64, "accounts"),
    ];
    Ok(recorder.finish(DRAIN.name, facts))
}

impl Options {
    fn manner(&self, first: u64) -> Manner {
        let next = if self.rate.is_some() { Next::Schedule } else { Next::Settlement };
        Manner {
            style: self.common.style(),
            next,
            window: window(self.senders as usize, self.in_flight),
            first,
            counted: Counted::Deposits,
            bytes: self.common.bytes.into(),
        }
    }
}
