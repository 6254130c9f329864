//! The cluster bench: what two ChatServers with their Redis and MariaDB relay from one to the
//! other, beside two nats-servers joined by a route.
//!
//! Both are played with the same load, in the same shapes of work, turn by turn, and everything,
//! servers and load, shares the same two processors. NATS keeps nothing and promises nothing; so
//! the figure says what a message costs that is not lost with a node.

pub(crate) mod nats;
mod nodes;
mod report;

pub use report::Report;

use crate::comparison::Comparison;
use crate::load::{Load, Partner};
use crate::round::Round;
use crate::tally::Tally;
use crate::turn::{Member, Timing, Traffic, take_turn};
use nats::NatsServers;
use nodes::ChatServers;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// What is measured, and for how long.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The ChatServer's program.
    pub server: PathBuf,
    /// The nats-server's.
    pub nats: PathBuf,
    /// Sub loops of each ChatServer.
    pub threads: u16,
    /// The shapes of work, in turn.
    pub shapes: Vec<Shape>,
    /// How often each contender has its turn in each shape.
    pub rounds: usize,
    /// How long each turn is.
    pub timing: Timing,
}

/// A shape of work. The partners of a pair are on different nodes.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// What stands beside the servers' names.
    pub name: &'static str,
    /// Pairs of clients.
    pub pairs: usize,
    /// Messages of each pair under way; up to [`crate::IN_FLIGHT_MAX`].
    pub in_flight: u64,
    /// The ratio of the rates that is enough.
    pub required: f64,
}

impl Shape {
    /// Many pairs, one message under way in each.
    pub const ONE_EACH: Self = Self { name: "100x1", pairs: 100, in_flight: 1, required: 0.5 };
    /// Few pairs with much under way.
    pub const PIPELINED: Self = Self { name: "20x50", pairs: 20, in_flight: 50, required: 0.25 };
}

/// Both contenders in one shape, connected.
struct Stage {
    shape: Shape,
    chat: Load,
    nats: Load,
}

/// Starts all servers and measures them in turn; `tell` is called with each line of text as it
/// becomes known. Keeps the calling thread and all servers on two processors.
///
/// # Errors
/// If nats-server does not start, or a server does not answer what its protocol says: a message
/// that is lost, repeated or out of order ends the run.
///
/// # Panics
/// If MariaDB, Redis or a ChatServer does not start.
pub fn run(plan: &Plan, mut tell: impl FnMut(&str)) -> io::Result<Vec<Report>> {
    crate::affinity::keep_to_two_processors()?;
    tell("starting MariaDB, Redis, two ChatServers and two nats-servers");
    let nats = NatsServers::start(&plan.nats)?;
    let chat = ChatServers::start(&plan.server, plan.threads);
    let (nats_members, chat_members) = (nats.members(), chat.members());
    tell(&format!("ChatServers: {}", processes(&chat_members)));
    tell(&format!("nats-servers: {}", processes(&nats_members)));
    let mut stages = Vec::new();
    let mut reports = Vec::new();
    let mut seats = 0..0;
    for &shape in &plan.shapes {
        seats = seats.end..seats.end + shape.pairs * 2;
        let players = chat.players(seats.clone(), shape.in_flight)?;
        let chat = connected(Load::new(players, Partner::Neighbour)?)?;
        let players = nats.players(seats.clone(), shape.in_flight)?;
        let nats = connected(Load::new(players, Partner::Neighbour)?)?;
        stages.push(Stage { shape, chat, nats });
        reports.push(Report { shape, comparison: Comparison::default() });
    }
    tell(Round::HEADINGS);
    for _ in 0..plan.rounds {
        for (stage, report) in stages.iter_mut().zip(&mut reports) {
            let name = format!("nats-servers {}", stage.shape.name);
            let round = take_turn(&name, &nats_members, &mut stage.nats, plan.timing)?;
            tell(&round.to_string());
            report.comparison.reference.push(round);
            let name = format!("ChatServers {}", stage.shape.name);
            let round = take_turn(&name, &chat_members, &mut stage.chat, plan.timing)?;
            tell(&round.to_string());
            report.comparison.chat.push(round);
        }
    }
    Ok(reports)
}

/// Lets every pair exchange what it has, however long the first messages take.
fn connected(mut load: Load) -> io::Result<Load> {
    load.play(Duration::ZERO, &mut Tally::new())?;
    load.settle()?;
    Ok(load)
}

/// Names and numbers of processes, for a profiler.
fn processes(members: &[Member]) -> String {
    let texts = members.iter().map(|Member { name, pid }| format!("{name} is process {pid}"));
    texts.collect::<Vec<_>>().join(", ")
}
