//! What every scenario works with: servers, their processes, accounts, and the course of a phase.

use super::drive::{Act, Until, drive, forget};
use super::enrol;
use super::gauge::Gauge;
use super::net::Net;
use super::options::Common;
use super::person::{self, Person};
use super::recorder::Recorder;
use super::report::{Fact, PhaseReport};
use super::talk::{Counted, Counts, Talk};
use crate::affinity::{pin_thread, two_processors};
use crate::arguments::program;
use crate::contender::Contender;
use crate::crowd;
use crate::player::Play;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

/// See the module.
pub(super) struct Bench<'a> {
    pub(super) common: &'a Common,
    pub(super) servers: Vec<SocketAddr>,
    pub(super) gauge: Gauge,
    /// The number of the first message that a client sends: no earlier run has used it.
    pub(super) first: u64,
    /// The processor of a server that is started for this.
    pub(super) server_cpu: usize,
    /// That server, which ends with this.
    _own: Option<Contender>,
}

/// What a phase is called, and what it counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Title {
    pub(super) name: &'static str,
    /// What is counted, in the plural.
    pub(super) unit: &'static str,
    /// The names of what is timed, of which the first is counted.
    pub(super) timed: &'static [&'static str],
}

impl<'a> Bench<'a> {
    /// With the servers of `common`, or one that is started for this.
    pub(super) fn new(common: &'a Common) -> io::Result<Self> {
        // A server that is started inherits the limit that this raises.
        crowd::size_allowed(0);
        let (server_cpu, load_cpu) = two_processors()?;
        let own = common.server.is_empty().then(|| start_server(common, server_cpu)).transpose()?;
        if own.is_some() {
            pin_thread(load_cpu)?;
        }
        let servers = match &own {
            Some(server) => vec![server.address],
            None => common.server.clone(),
        };
        let gauge = Gauge::new(&servers, &common.pid)?;
        Ok(Self { common, servers, gauge, first: first_number(), server_cpu, _own: own })
    }

    /// `count` accounts: those of earlier runs, then new ones.
    pub(super) fn people(&self, count: usize) -> io::Result<Vec<Person>> {
        let accounts = &self.common.accounts;
        let mut people = match &accounts.accounts {
            Some(file) => person::read(file)?,
            None => Vec::new(),
        };
        people.truncate(count);
        let missing = count - people.len();
        if missing > 0 {
            eprintln!("registering {missing} accounts");
            let prefix = accounts.prefix.clone();
            let prefix = prefix.unwrap_or_else(|| format!("bench-{:x}-", millis_now()));
            let in_flight = accounts.registrations.into();
            let new = enrol::register(&self.servers, &prefix, missing, in_flight)?;
            if let Some(file) = &accounts.accounts {
                person::append(file, &new)?;
            }
            people.extend(new);
        }
        Ok(people)
    }

    /// `people` with the servers that they connect to, in turn; so many neighbours to the same one.
    pub(super) fn spread(
        &self,
        people: Vec<Person>,
        neighbours: usize,
    ) -> Vec<(Person, SocketAddr)> {
        let server = |at: usize| self.servers[at / neighbours % self.servers.len()];
        people.into_iter().enumerate().map(|(at, person)| (person, server(at))).collect()
    }

    /// Logs clients in.
    pub(super) fn arrive(
        &self,
        net: &mut Net,
        talk: &mut Talk,
        clients: std::ops::Range<usize>,
    ) -> io::Result<()> {
        eprintln!("logging {} clients in", clients.len());
        talk.arrive(net, clients, self.common.accounts.logins.into())?;
        drive(net, talk, None, &Until::Done(Talk::absent))
    }

    /// The recorder of a phase that begins now.
    pub(super) fn record(&self, title: Title) -> io::Result<Recorder<'_>> {
        let every = Duration::from_secs_f64(self.common.every);
        Recorder::start(&self.gauge, every, title.unit, title.timed)
    }

    /// A phase in which clients that are there talk: for a while, then until all is settled.
    pub(super) fn converse(
        &self,
        net: &mut Net,
        talk: &mut Talk,
        rate: Option<f64>,
        title: Title,
    ) -> io::Result<PhaseReport> {
        let start = Instant::now();
        if let Some(rate) = rate {
            talk.schedule(rate, start);
        }
        talk.set_play(net, Play::On, start);
        drive(net, talk, None, &Until::Passed(Duration::from_secs_f64(self.common.warm_up)))?;
        forget(talk);
        talk.counts.stored = 0;
        let mut recorder = self.record(title)?;
        drive(net, talk, Some(&mut recorder), &Until::Passed(self.common.counted()))?;
        let stored = talk.counts.stored;
        let late = talk.stop(net, Instant::now());
        settle(net, talk)?;
        let mut facts = Vec::new();
        if self.common.ack && talk.counted() == Counted::Receipts {
            facts.push(Fact::new(
                "stored, since their answer took too long",
                stored as f64,
                "messages",
            ));
        }
        if rate.is_some() {
            facts.push(Fact::new("due and not sent in the end", late as f64, "messages"));
        }
        Ok(recorder.finish(title.name, facts))
    }
}

/// Waits until everything that was sent is accounted for, and nothing else comes.
pub(super) fn settle(net: &mut Net, talk: &mut Talk) -> io::Result<()> {
    drive(net, talk, None, &Until::Done(Talk::unsettled))?;
    talk.ask_for_pongs(net);
    drive(net, talk, None, &Until::Done(Talk::pongs))
}

/// An error that says what to do, unless this process may have `clients` connections.
pub(super) fn check_descriptors(clients: usize) -> io::Result<()> {
    let allowed = crowd::size_allowed(clients);
    if allowed == clients {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{clients} clients need as many descriptors, and this process may use {allowed} for them: \
         raise `ulimit -Hn`, or take fewer clients (`chatbench hold` divides them among processes)"
    )))
}

impl Act for Talk {
    fn tick(&mut self, net: &mut Net, now: Instant) -> io::Result<Option<Instant>> {
        Ok(self.proceed(net, now))
    }

    fn tallies(&mut self) -> Vec<&mut crate::tally::Tally> {
        let counted = self.counted();
        let Counts { deliveries, answers, .. } = &mut self.counts;
        match counted {
            Counted::Receipts => vec![deliveries, answers],
            Counted::Deposits => vec![answers],
        }
    }

    fn present(&self) -> usize {
        self.logged_in()
    }

    fn complain(&self) -> io::Error {
        self.complaint()
    }
}

fn start_server(common: &Common, cpu: usize) -> io::Result<Contender> {
    let path = program(common.own.program.as_ref(), "ChatServer")?;
    let server = Contender::chat_server_with(&path, cpu, common.own.flags())?;
    eprintln!("ChatServer is process {} at {}", server.pid(), server.address);
    Ok(server)
}

/// Milliseconds since 1970, which name a run.
pub(super) fn millis_now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as u64
}

/// With room for as many messages as a client may send in a run.
fn first_number() -> u64 {
    millis_now() << 22
}
