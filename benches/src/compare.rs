//! The comparison: a ChatServer beside servers that others use, each over its own protocol, with
//! the same load in the same shapes of work, turn by turn on the same processor.

mod bare_echo;
mod chat_server;
mod contestant;
mod conversation;
mod daemon;
mod ejabberd;
mod findings;
mod idle;
mod machine;
mod mosquitto;
mod nats;
mod ngircd;
mod requirement;
mod server;
mod shape;
mod stage;

pub use contestant::Peer;
pub use findings::Findings;
pub use requirement::Requirement;
pub use shape::Shape;

use crate::accounts::Style;
use crate::affinity::{pin_thread, unpin_thread};
use crate::cluster;
use crate::round::Round;
use crate::turn::Timing;
use contestant::Contestant;
use server::Server;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// A server may take a connection for dead after 90 s of silence; some less, for what happens
/// between two turns.
const SILENCE_MAX: Duration = Duration::from_secs(75);

/// What is measured, and for how long.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The ChatServer's program.
    pub server: PathBuf,
    /// The bare loop's.
    pub echo: PathBuf,
    /// The processor of the servers.
    pub server_cpu: usize,
    /// The processor of the load.
    pub load_cpu: usize,
    /// Beside whom.
    pub peers: Vec<Peer>,
    /// In which shapes.
    pub shapes: Vec<Shape>,
    /// Idle clients that count.
    pub clients: usize,
    /// How often each contestant has its turn in each shape.
    pub rounds: usize,
    /// How long each turn is.
    pub timing: Timing,
}

/// What stands above the figures: when and where they were measured.
pub fn conditions() -> String {
    machine::description()
}

/// Starts all servers and measures them in turn; `tell` is called with each line of text as it
/// becomes known.
///
/// # Errors
/// If a server does not start, ours does not do what its protocol says, or turns are so long that
/// servers would take their clients for dead.
///
/// # Panics
/// If the program of a peer is not installed.
pub fn run(plan: &Plan, mut tell: impl FnMut(&str)) -> io::Result<Findings> {
    let mut findings = Findings::default();
    let ours = [Style::Original, Style::Acknowledged].map(Contestant::Ours);
    let theirs = plan.peers.iter().map(|peer| Contestant::Theirs(*peer));
    let contestants: Vec<_> = ours.into_iter().chain(theirs).collect();
    check_silence(plan.timing, contestants.len())?;
    let before = pin_thread(plan.load_cpu)?;
    if plan.shapes.iter().any(|shape| shape.pairs().is_some()) {
        play(plan, &contestants, &mut findings, &mut tell)?;
    }
    if plan.shapes.contains(&Shape::Idle) {
        for contestant in contestants.into_iter().filter(|of| of.is_in(Shape::Idle)) {
            tell(&format!("{}: {} idle clients", contestant.name(), plan.clients));
            match (idle::measure(plan, contestant), contestant) {
                (Ok(bytes), _) => findings.memory.push((contestant, bytes)),
                (Err(error), Contestant::Ours(_)) => return Err(error),
                (Err(error), _) => tell(&format!("{} is out of it: {error}", contestant.name())),
            }
        }
    }
    unpin_thread(&before)?;
    if plan.shapes.contains(&Shape::TwoNodes) {
        findings.two_nodes = cluster::run(&two_nodes(plan), &mut tell)?;
    }
    Ok(findings)
}

fn play(
    plan: &Plan,
    contestants: &[Contestant],
    findings: &mut Findings,
    tell: &mut impl FnMut(&str),
) -> io::Result<()> {
    let mut servers: Vec<(Contestant, Box<dyn Server>)> = Vec::new();
    for &contestant in contestants {
        let server = contestant.start(plan)?;
        tell(&format!("{} is process {}", contestant.name(), server.pid()));
        servers.push((contestant, server));
    }
    let mut numbers = 0..0;
    for shape in &plan.shapes {
        let Some((pairs, in_flight)) = shape.pairs() else { continue };
        numbers = numbers.end..numbers.end + 2 * pairs;
        tell(&format!("{}: {pairs} pairs, {in_flight} under way in each", shape.name()));
        tell(Round::HEADINGS);
        findings.series.extend(stage::play(plan, *shape, &mut servers, numbers.clone(), tell)?);
    }
    Ok(())
}

fn two_nodes(plan: &Plan) -> cluster::Plan {
    cluster::Plan {
        server: plan.server.clone(),
        nats: "nats-server".into(),
        threads: 1,
        shapes: vec![cluster::Shape::ONE_EACH, cluster::Shape::PIPELINED],
        rounds: plan.rounds,
        timing: plan.timing,
    }
}

/// The turns of the others are silence to a server.
fn check_silence(timing: Timing, contestants: usize) -> io::Result<()> {
    let turns = u32::try_from(contestants).unwrap_or(u32::MAX);
    let silence = (timing.counted + timing.warm_up).saturating_mul(turns);
    if silence <= SILENCE_MAX {
        return Ok(());
    }
    let text = format!(
        "a round of {contestants} servers would take {silence:?}: clients may be silent for \
         {SILENCE_MAX:?}, so choose fewer seconds or servers"
    );
    Err(io::Error::new(io::ErrorKind::InvalidInput, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_that_are_too_long_are_refused() {
        let timing =
            Timing { counted: Duration::from_secs(9), warm_up: Duration::from_millis(500) };
        check_silence(timing, 7).unwrap();
        let error = check_silence(timing, 8).unwrap_err();
        assert!(error.to_string().contains("8 servers would take 76s"), "{error}");
    }
}
