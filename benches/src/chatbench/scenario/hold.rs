//! Opens many clients and keeps them: what each costs the servers, at rest and while some talk.

use crate::chatbench::bench::{Bench, Title};
use crate::chatbench::branch::{Branch, Command, Plan, Told};
use crate::chatbench::interrupt;
use crate::chatbench::options::{Common, rate, share};
use crate::chatbench::person::Person;
use crate::chatbench::recorder::Recorder;
use crate::chatbench::report::{Fact, PhaseReport};
use crate::crowd;
use crate::tally::Tally;
use serde::Serialize;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// See the module.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub(in crate::chatbench) struct Options {
    /// Clients in all
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    clients: u32,
    /// Clients of one process [default: as many as its descriptors allow]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    per_process: Option<u32>,
    /// Then some talk, in pairs: messages a second of all together
    #[arg(long, value_name = "MESSAGES", value_parser = rate)]
    rate: Option<f64>,
    /// The share of the clients that talk
    #[arg(long, value_name = "0..1", default_value_t = 0.1, value_parser = share)]
    talking: f64,
    #[command(flatten)]
    pub(in crate::chatbench) common: Common,
}

/// What processes tell must make some progress within this time.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// How often it is looked at whether a phase is done, at least.
const LOOK_EVERY: Duration = Duration::from_millis(50);

const ARRIVE: Title = Title { name: "arrive", unit: "logins", timed: &["login"] };
const REST: Title = Title { name: "rest", unit: "messages", timed: &["until received"] };
const TALK: Title = Title { name: "talk", unit: "messages", timed: &["until received"] };

pub(in crate::chatbench) fn run(
    options: &Options,
    bench: &Bench<'_>,
) -> io::Result<Vec<PhaseReport>> {
    let clients = options.clients as usize;
    let people = bench.spread(bench.people(clients)?, 2);
    let before = memory(bench)?;
    let mut crowd = Crowd::start(options, bench.first, people)?;
    let mut phases = Vec::new();

    let mut recorder = bench.record(ARRIVE)?.beside(crowd.pids())?;
    crowd.watch(&mut recorder, |crowd| crowd.absent() == 0)?;
    let bytes_each = (memory(bench)? - before) / clients as f64;
    let fact = Fact::new("anonymous memory of the servers for each client", bytes_each, "bytes");
    phases.push(recorder.finish(ARRIVE.name, vec![fact]));

    crowd.count_messages();
    phases.push(crowd.pass(bench, REST)?);
    if options.rate.is_some() {
        crowd.command(Command::Talk)?;
        phases.push(crowd.pass(bench, TALK)?);
    }
    crowd.command(Command::Settle)?;
    crowd.await_settled()?;
    Ok(phases)
}

/// Anonymous bytes of all servers.
fn memory(bench: &Bench<'_>) -> io::Result<f64> {
    Ok(bench.gauge.read()?.iter().map(|reading| reading.anonymous as f64).sum())
}

/// How many of `clients` talk, in pairs; at least one pair.
fn talkers(clients: usize, share: f64) -> usize {
    ((clients as f64 * share) as usize).max(2).min(clients) & !1
}

/// The processes that have the clients.
struct Crowd {
    branches: Vec<Branch>,
    told: Receiver<(usize, io::Result<Told>)>,
    /// Of each process: clients that are there, and that are not yet.
    present: Vec<usize>,
    absent: Vec<u64>,
    settled: usize,
    counted: Counted,
    tally: Tally,
}

/// What the phase counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    Logins,
    Messages,
}

impl Crowd {
    fn start(
        options: &Options,
        first: u64,
        mut people: Vec<(Person, SocketAddr)>,
    ) -> io::Result<Self> {
        let common = &options.common;
        let allowed = crowd::size_allowed(people.len());
        // Partners of a pair are in the same process.
        let most = options.per_process.map_or(allowed, |most| allowed.min(most as usize)) & !1;
        let count = people.len().div_ceil(most.max(2));
        let (sender, told) = channel();
        let mut crowd = Self {
            branches: Vec::new(),
            told,
            present: vec![0; count],
            absent: vec![u64::MAX; count],
            settled: 0,
            counted: Counted::Logins,
            tally: Tally::new(),
        };
        eprintln!("{} clients in {count} processes", people.len());
        for number in 0..count {
            let rest = people.split_off(people.len().min(most));
            let plan = Plan {
                talking: talkers(people.len(), options.talking),
                rate: options.rate.unwrap_or(1.0) / count as f64,
                ack: common.ack,
                first,
                bytes: common.bytes.into(),
                logins: usize::from(common.accounts.logins).div_ceil(count),
                every: common.every,
                people: people.into_iter().map(|(it, server)| (it.id, it.name, server)).collect(),
            };
            crowd.branches.push(Branch::start(number, &plan, sender.clone())?);
            people = rest;
        }
        Ok(crowd)
    }

    fn absent(&self) -> u64 {
        self.absent.iter().fold(0, |sum, absent| sum.saturating_add(*absent))
    }

    fn count_messages(&mut self) {
        self.counted = Counted::Messages;
        self.tally = Tally::new();
    }

    fn command(&mut self, command: Command) -> io::Result<()> {
        self.branches.iter_mut().try_for_each(|branch| branch.command(command))
    }

    /// A phase of the time that was asked for.
    fn pass(&mut self, bench: &Bench<'_>, title: Title) -> io::Result<PhaseReport> {
        let mut recorder = bench.record(title)?.beside(self.pids())?;
        let end = Instant::now() + bench.common.counted();
        recorder.end_at(end);
        self.watch(&mut recorder, |_| Instant::now() >= end)?;
        Ok(recorder.finish(title.name, Vec::new()))
    }

    /// Samples until `is_done`.
    fn watch(
        &mut self,
        recorder: &mut Recorder<'_>,
        is_done: impl Fn(&Self) -> bool,
    ) -> io::Result<()> {
        let (mut absent, mut changed_at) = (self.absent(), Instant::now());
        while !is_done(self) {
            self.hear(recorder.next_due().min(Instant::now() + LOOK_EVERY))?;
            let now = Instant::now();
            if recorder.next_due() <= now && !is_done(self) {
                recorder.sample(&mut [&mut self.tally], self.present.iter().sum())?;
            }
            if self.absent() != absent || absent == 0 {
                (absent, changed_at) = (self.absent(), now);
            } else if now - changed_at > SILENCE_MAX {
                return Err(io::Error::other(format!("{absent} clients could not log in")));
            }
        }
        recorder.sample(&mut [&mut self.tally], self.present.iter().sum())
    }

    /// The processes of the load.
    fn pids(&self) -> Vec<u32> {
        self.branches.iter().map(Branch::pid).collect()
    }

    fn await_settled(&mut self) -> io::Result<()> {
        let end = Instant::now() + SILENCE_MAX;
        while self.settled < self.branches.len() {
            if Instant::now() > end {
                return Err(io::Error::other("messages are missing in the end"));
            }
            self.hear(Instant::now() + LOOK_EVERY)?;
        }
        Ok(())
    }

    /// Takes what one process tells, at most until `end`.
    fn hear(&mut self, end: Instant) -> io::Result<()> {
        interrupt::check()?;
        let limit = end.saturating_duration_since(Instant::now());
        let (number, told) = match self.told.recv_timeout(limit) {
            Ok((number, told)) => (number, told?),
            Err(RecvTimeoutError::Timeout) => return Ok(()),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(io::Error::other("all processes of the load ended"));
            }
        };
        match told {
            Told::Settled => self.settled += 1,
            Told::Status { present, absent, logins, messages } => {
                self.present[number] = present;
                self.absent[number] = absent;
                let counts = if self.counted == Counted::Logins { logins } else { messages };
                counts.add_to(&mut self.tally);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_talk_are_pairs() {
        assert_eq!([talkers(100, 0.1), talkers(101, 1.0), talkers(10, 0.05)], [10, 100, 2]);
        assert_eq!([talkers(2, 0.0), talkers(1, 1.0)], [2, 0]);
    }
}
