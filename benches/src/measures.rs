//! The reactor bench: one figure for each thing that the reactor claims to do well.
//!
//! Each measure has its rounds, in which the reactor and what it is compared with take turns, so that
//! what disturbs the machine disturbs both.

mod deadlines;
mod fan_out;
mod holding;
mod idle_memory;
mod posting;
mod row;
mod spent;
mod timers;

pub use row::Row;

use crate::arguments::program;
use crate::contender::Contender;
use std::io;
use std::process::Command;

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Measure {
    /// Tasks that other threads post to a loop, beside muduo's way
    Posting,
    /// Memory of connections that do nothing, beside tokio
    IdleMemory,
    /// Timers that are cancelled or fire, beside a sorted map and tokio
    Timers,
    /// One message to many connections, beside nothing but the writes
    FanOut,
    /// Many connections opened, held and closed, beside the bare loop
    Holding,
    /// Deadlines of all connections, beside none
    Deadlines,
}

/// How thorough a measure is.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How often each contender has its turn.
    pub rounds: usize,
    /// How much it does in a turn.
    pub scale: Scale,
    /// The processor of servers that are processes of their own.
    pub server_cpu: usize,
    /// The processor of their clients.
    pub load_cpu: usize,
}

/// How much is done in a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// As much as it takes for figures that can be believed.
    Full,
    /// As little as it takes to see that it works.
    Quick,
}

impl Measure {
    /// Measures; tells of its rounds on standard error.
    ///
    /// # Errors
    /// If the system refuses something, or what is measured does not do what it should.
    pub fn run(self, plan: Plan) -> io::Result<Vec<Row>> {
        match self {
            Self::Posting => posting::run(plan),
            Self::IdleMemory => idle_memory::run(plan),
            Self::Timers => timers::run(plan),
            Self::FanOut => fan_out::run(plan),
            Self::Holding => holding::run(plan),
            Self::Deadlines => deadlines::run(plan),
        }
    }
}

impl Plan {
    /// The rounds of a measure, each announced.
    fn rounds(self, measure: &str) -> impl Iterator<Item = usize> {
        (1..=self.rounds).inspect(move |round| {
            eprintln!("{measure}: round {round} of {}", self.rounds);
        })
    }

    /// The echo server `name`, which is a program beside this one.
    fn server(self, name: &'static str) -> io::Result<Contender> {
        self.server_with(name, &[])
    }

    fn server_with(self, name: &'static str, arguments: &[&str]) -> io::Result<Contender> {
        let mut command = Command::new(program(None, name)?);
        command.arg("0").args(arguments);
        Contender::start(name, command, self.server_cpu, None)
    }
}

impl Scale {
    fn pick<T>(self, full: T, quick: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }
}
