//! One line of the table.

use crate::round::median;
use std::fmt;

/// What the reactor needs for something, beside what another one needs; less is better.
#[derive(Clone, Debug)]
pub struct Row {
    what: String,
    unit: &'static str,
    beside: &'static str,
    wanted: Wanted,
    /// Of each round: the reactor's figure, and the other one's.
    rounds: Vec<(f64, f64)>,
}

/// What a row is to show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wanted {
    /// Nothing; it explains another row.
    Nothing,
    /// At most this figure of the reactor.
    Figure(f64),
    /// At most this ratio of the reactor's figure to the other one's.
    Ratio(f64),
}

impl Row {
    /// What stands above the columns.
    pub const HEADINGS: &'static str = "\
| what | unit | reactor | beside | ratio | wanted | |
|---|---|---|---|---|---|---|";

    pub(crate) fn new(
        what: impl Into<String>,
        unit: &'static str,
        beside: &'static str,
        wanted: Wanted,
    ) -> Self {
        Self { what: what.into(), unit, beside, wanted, rounds: Vec::new() }
    }

    pub(crate) fn push(&mut self, reactor: f64, other: f64) {
        self.rounds.push((reactor, other));
    }

    /// Whether what was wanted is what was measured; no figure is none.
    pub fn is_met(&self) -> bool {
        match self.wanted {
            Wanted::Nothing => true,
            Wanted::Figure(most) => self.reactor() <= most,
            Wanted::Ratio(most) => self.ratio() <= most,
        }
    }

    fn reactor(&self) -> f64 {
        median(self.rounds.iter().map(|round| round.0).collect())
    }

    fn other(&self) -> f64 {
        median(self.rounds.iter().map(|round| round.1).collect())
    }

    /// The median of the rounds' own ratios: what slow changes of the machine disturb least.
    fn ratio(&self) -> f64 {
        median(self.rounds.iter().map(|(reactor, other)| reactor / other).collect())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, unit, beside, .. } = self;
        let (reactor, other) = (figure(self.reactor()), figure(self.other()));
        write!(f, "| {what} | {unit} | {reactor} | {beside}: {other} | {:.3} ", self.ratio())?;
        match self.wanted {
            Wanted::Nothing => return write!(f, "| | |"),
            Wanted::Figure(most) => write!(f, "| at most {most} {unit} ")?,
            Wanted::Ratio(most) => write!(f, "| ratio at most {most} ")?,
        }
        write!(f, "| {} |", if self.is_met() { "met" } else { "MISSED" })
    }
}

/// With three digits at least.
fn figure(value: f64) -> String {
    let decimals = match value.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 4,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(wanted: Wanted) -> Row {
        let mut row = Row::new("a call", "ns", "others", wanted);
        for round in [(1.0, 4.0), (30.0, 60.0), (2.0, 2.0)] {
            row.push(round.0, round.1);
        }
        row
    }

    #[test]
    fn medians_and_the_median_of_the_ratios() {
        let line = row(Wanted::Ratio(0.5)).to_string();
        assert_eq!(line, "| a call | ns | 2.00 | others: 4.00 | 0.500 | ratio at most 0.5 | met |");
        let line = row(Wanted::Nothing).to_string();
        assert_eq!(line, "| a call | ns | 2.00 | others: 4.00 | 0.500 | | |");
    }

    #[test]
    fn what_is_wanted_may_be_missed() {
        assert!(row(Wanted::Figure(2.0)).is_met());
        assert!(!row(Wanted::Figure(1.9)).is_met());
        assert!(row(Wanted::Ratio(0.49)).to_string().ends_with("| MISSED |"));
        assert!(!Row::new("", "", "", Wanted::Figure(1.0)).is_met(), "nothing was measured");
    }
}
