//! Which fault comes when: a shuffled round of all, again and again. Pure; the seed decides.

use std::time::Duration;

use fastrand::Rng;

use crate::nemesis::Fault;

/// How long things take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// For the gate: just long enough to be noticed.
    Short,
    /// As the promise has it.
    Long,
}

/// Faults without an end.
#[derive(Clone, Debug)]
pub struct Plan {
    faults: Vec<Fault>,
    round: Vec<Fault>,
    random: Rng,
}

impl Plan {
    /// Rounds of `faults`, of which there must be one.
    pub fn new(faults: Vec<Fault>, seed: u64) -> Self {
        Self { faults, round: Vec::new(), random: Rng::with_seed(seed) }
    }
}

impl Iterator for Plan {
    type Item = Fault;

    fn next(&mut self) -> Option<Fault> {
        if self.round.is_empty() {
            self.round.clone_from(&self.faults);
            self.random.shuffle(&mut self.round);
        }
        self.round.pop()
    }
}

impl Pace {
    /// How long to wait after a fault before the next one. The limit for coming back is 5 s.
    pub fn recovery(self) -> Duration {
        match self {
            Self::Short => Duration::from_millis(2500),
            Self::Long => Duration::from_secs(6),
        }
    }

    /// How long nothing must come before all is quiet: longer than anything waits to be sent again.
    pub fn quiet(self) -> Duration {
        match self {
            Self::Short => Duration::from_secs(3),
            Self::Long => Duration::from_secs(5),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_has_every_fault_once_and_the_seed_repeats_it() {
        let plan = |seed| Plan::new(Fault::ALL.to_vec(), seed);
        let count = Fault::ALL.len();
        let rounds: Vec<Fault> = plan(7).take(2 * count).collect();
        for round in rounds.chunks(count) {
            assert!(Fault::ALL.iter().all(|fault| round.contains(fault)), "{round:?}");
        }
        assert_eq!(plan(7).take(2 * count).collect::<Vec<_>>(), rounds);
        assert_ne!(plan(8).take(2 * count).collect::<Vec<_>>(), rounds);
    }
}
