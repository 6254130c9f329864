//! All contestants in one shape of work, turn by turn.

use super::Plan;
use super::contestant::Contestant;
use super::server::Server;
use super::shape::Shape;
use crate::load::Load;
use crate::round::Round;
use crate::tally::Tally;
use crate::turn::{Member, Traffic, take_turn};
use std::io;
use std::ops::Range;
use std::time::Duration;

/// What one contestant did in one shape.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) shape: Shape,
    pub(super) contestant: Contestant,
    pub(super) rounds: Vec<Round>,
    /// Why it has no more of them: a peer may refuse a shape, or lose messages in it.
    pub(super) trouble: Option<String>,
}

/// A contestant that is still in.
struct Entrant {
    series: Series,
    pid: u32,
    load: Option<Load>,
}

/// Plays `plan.rounds` rounds with players of these numbers.
pub(super) fn play(
    plan: &Plan,
    shape: Shape,
    servers: &mut [(Contestant, Box<dyn Server>)],
    numbers: Range<usize>,
    tell: &mut impl FnMut(&str),
) -> io::Result<Vec<Series>> {
    let Some((_, in_flight)) = shape.pairs() else { return Ok(Vec::new()) };
    let mut entrants = Vec::new();
    for (contestant, server) in servers.iter_mut().filter(|server| server.0.is_in(shape)) {
        let load = connected(server.as_mut(), numbers.clone(), in_flight);
        let series = Series { shape, contestant: *contestant, rounds: Vec::new(), trouble: None };
        let mut entrant = Entrant { series, pid: server.pid(), load: None };
        entrant.load = entrant.accept(load, tell)?;
        entrants.push(entrant);
    }
    for _ in 0..plan.rounds {
        for entrant in &mut entrants {
            entrant.take_turn(plan, tell)?;
        }
    }
    Ok(entrants.into_iter().map(|entrant| entrant.series).collect())
}

/// Lets every pair exchange what it has, however long the first messages take.
fn connected(server: &mut dyn Server, numbers: Range<usize>, in_flight: u64) -> io::Result<Load> {
    let players = server.players(numbers, in_flight)?;
    let mut load = Load::new(players, server.partner())?;
    load.play(Duration::ZERO, &mut Tally::new())?;
    load.settle()?;
    Ok(load)
}

impl Entrant {
    fn take_turn(&mut self, plan: &Plan, tell: &mut impl FnMut(&str)) -> io::Result<()> {
        let Some(mut load) = self.load.take() else { return Ok(()) };
        let name = self.series.contestant.name();
        let members = [Member { name, pid: self.pid }];
        let round = take_turn(name, &members, &mut load, plan.timing);
        if let Some(round) = self.accept(round, tell)? {
            tell(&round.to_string());
            self.series.rounds.push(round);
            self.load = Some(load);
        }
        Ok(())
    }

    /// What went well; of ours everything must.
    fn accept<T>(
        &mut self,
        result: io::Result<T>,
        tell: &mut impl FnMut(&str),
    ) -> io::Result<Option<T>> {
        let Series { shape, contestant, .. } = self.series;
        match (result, contestant) {
            (Ok(value), _) => Ok(Some(value)),
            (Err(error), Contestant::Ours(_)) => {
                let text = format!("{}, {}: {error}", contestant.name(), shape.name());
                Err(io::Error::new(error.kind(), text))
            }
            (Err(error), Contestant::Theirs(_)) => {
                tell(&format!("{} is out of it: {error}", contestant.name()));
                self.series.trouble = Some(error.to_string());
                Ok(None)
            }
        }
    }
}
