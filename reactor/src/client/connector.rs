//! Makes the connections of a client, one at a time. Has muduo's name.

use crate::client::backoff::Backoff;
use crate::client::connect_failure::{ConnectFailure, classify};
use crate::client::connect_schedule::ConnectSchedule;
use crate::client::sequel::{Link, Sequel};
use crate::connection::options::ConnectionOptions;
use crate::driver::address::Address;
use crate::driver::completion::Completion;
use crate::driver::poller::Watch;
use crate::driver::stream::Stream;
use crate::event_loop::loop_core::{LoopCore, TimerTask};
use crate::event_loop::source::{SourceId, SourceTimer};
use crate::event_loop::timer_queue::{TimerId, deadline_after};
use crate::event_loop::token::Key;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How a client connects.
#[derive(Clone, Debug)]
pub(crate) struct ConnectorOptions {
    pub(crate) connect_timeout: Duration,
    pub(crate) backoff: Backoff,
    pub(crate) attempts_max: u32,
    pub(crate) retry: bool,
    pub(crate) local_address: Option<SocketAddr>,
}

/// Where the way to a connection leads through; only the socket of an attempt is its own.
pub(crate) struct Connector {
    source: SourceId,
    options: ConnectorOptions,
    connection_options: ConnectionOptions,
    schedule: ConnectSchedule,
    random: fastrand::Rng,
    phase: Phase,
}

enum Phase {
    Idle,
    /// For the next attempt.
    Waiting(TimerId),
    Connecting(Attempt),
    /// The connection set has the connection.
    Established(Link),
}

struct Attempt {
    stream: Stream,
    key: Key,
    address: Address,
    deadline: TimerId,
}

/// What became of an attempt.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The kernel is at it.
    Pending,
    Connected(Stream, Address),
    Failed(ConnectFailure),
}

impl Connector {
    /// `addresses` must not be empty.
    pub(crate) fn new(
        source: SourceId,
        addresses: Vec<Address>,
        options: ConnectorOptions,
        connection_options: ConnectionOptions,
    ) -> Self {
        let schedule =
            ConnectSchedule::new(addresses, options.attempts_max, options.backoff.clone());
        Self {
            source,
            options,
            connection_options,
            schedule,
            random: fastrand::Rng::new(),
            phase: Phase::Idle,
        }
    }

    /// Begins to connect, unless it is at it already.
    pub(crate) fn connect(&mut self, core: &mut LoopCore) {
        match &mut self.phase {
            Phase::Idle => self.begin(core),
            Phase::Established(link) => *link = link.connect(),
            Phase::Waiting(_) | Phase::Connecting(_) => {}
        }
    }

    /// Gives up connecting; a connection that was made stays the last.
    pub(crate) fn stop(&mut self, core: &mut LoopCore) {
        match &mut self.phase {
            Phase::Established(link) => *link = link.stop(),
            _ => self.give_up(core),
        }
    }

    /// Gives up connecting; returns whether there is a connection to be ended.
    pub(crate) fn disconnect(&mut self, core: &mut LoopCore) -> bool {
        if let Phase::Established(link) = &mut self.phase {
            *link = link.disconnect();
            return true;
        }
        self.give_up(core);
        false
    }

    pub(crate) fn set_addresses(&mut self, addresses: Vec<Address>) {
        self.schedule.set_addresses(addresses);
    }

    /// Whether an event with `key` is of the present attempt.
    pub(crate) fn is_connecting(&self, key: Key) -> bool {
        matches!(&self.phase, Phase::Connecting(attempt) if attempt.key == key)
    }

    /// The kernel told something of the socket of the attempt.
    pub(crate) fn on_event(&mut self, core: &mut LoopCore) -> Outcome {
        let Phase::Connecting(attempt) = &mut self.phase else { return Outcome::Pending };
        match Completion::of(&attempt.stream) {
            Ok(Completion::Pending) => Outcome::Pending,
            Ok(Completion::Connected) => {
                // The set registers the socket as its own.
                if let Err(error) = core.poller.unwatch(&attempt.stream) {
                    return self.fail_attempt(core, error);
                }
                let link = Phase::Established(Link::Open);
                let Some(attempt) = self.end_attempt(core, link) else { return Outcome::Pending };
                self.schedule.establish(core.now);
                Outcome::Connected(attempt.stream, attempt.address)
            }
            Err(error) => self.fail_attempt(core, error),
        }
    }

    /// A timer of this connector fired: the pause or the patience is over.
    pub(crate) fn on_timer(&mut self, core: &mut LoopCore, id: TimerId) -> Outcome {
        match &self.phase {
            Phase::Waiting(timer) if *timer == id => self.attempt(core),
            Phase::Connecting(attempt) if attempt.deadline == id => {
                self.fail_attempt(core, io::ErrorKind::TimedOut.into())
            }
            _ => Outcome::Pending,
        }
    }

    /// The connection could not be taken in by the set.
    pub(crate) fn reject(&mut self, core: &mut LoopCore, error: io::Error) -> ConnectFailure {
        self.fail(core, error)
    }

    /// There is no connection any more, if there was one.
    pub(crate) fn on_vacant(&mut self, core: &mut LoopCore) {
        let Phase::Established(link) = self.phase else { return };
        self.phase = Phase::Idle;
        match link.end(self.options.retry) {
            Sequel::Idle => {}
            Sequel::ConnectNow => self.begin(core),
            Sequel::ConnectLater => {
                let next = self.schedule.lose(core.now, self.random.f64());
                self.wait_until(core, next);
            }
        }
    }

    fn begin(&mut self, core: &mut LoopCore) {
        self.schedule.restart();
        self.wait_until(core, core.now);
    }

    /// Attempts come from timers alone: a letter that stops them is read before.
    fn wait_until(&mut self, core: &mut LoopCore, next: Instant) {
        self.phase = Phase::Waiting(self.arm(core, next));
    }

    fn attempt(&mut self, core: &mut LoopCore) -> Outcome {
        match self.open(core) {
            Ok(attempt) => {
                self.phase = Phase::Connecting(attempt);
                Outcome::Pending
            }
            Err(error) => Outcome::Failed(self.fail(core, error)),
        }
    }

    fn open(&self, core: &mut LoopCore) -> io::Result<Attempt> {
        let address = self.schedule.address().clone();
        let local = self.options.local_address;
        let stream = core.poller.connect(&address, local, &self.connection_options)?;
        let key = Key { slot: 0, generation: core.next_generation() };
        core.poller.watch_connection(&stream, self.source.index, key, Watch::InputAndRoom)?;
        let deadline = self.arm(core, deadline_after(core.now, self.options.connect_timeout));
        Ok(Attempt { stream, key, address, deadline })
    }

    fn fail_attempt(&mut self, core: &mut LoopCore, error: io::Error) -> Outcome {
        // Closes the socket, which ends the watch too.
        drop(self.end_attempt(core, Phase::Idle));
        Outcome::Failed(self.fail(core, error))
    }

    fn fail(&mut self, core: &mut LoopCore, error: io::Error) -> ConnectFailure {
        let address = self.schedule.address().clone();
        let next = self.schedule.fail(core.now, classify(&error), self.random.f64());
        self.phase = Phase::Idle;
        if let Some(next) = next {
            self.wait_until(core, next);
        }
        ConnectFailure {
            connection: None,
            address,
            error,
            attempt: self.schedule.attempts(),
            next_attempt: next,
        }
    }

    fn give_up(&mut self, core: &mut LoopCore) {
        if let Phase::Waiting(timer) = self.phase {
            core.cancel(timer);
        }
        drop(self.end_attempt(core, Phase::Idle));
    }

    /// Leaves the present phase for `next`; returns its attempt, if there was one.
    fn end_attempt(&mut self, core: &mut LoopCore, next: Phase) -> Option<Attempt> {
        match std::mem::replace(&mut self.phase, next) {
            Phase::Connecting(attempt) => {
                core.cancel(attempt.deadline);
                Some(attempt)
            }
            _ => None,
        }
    }

    fn arm(&self, core: &mut LoopCore, deadline: Instant) -> TimerId {
        let task = TimerTask::Source { source: self.source, timer: SourceTimer::Connect };
        core.add_timer(deadline, None, task)
    }
}
