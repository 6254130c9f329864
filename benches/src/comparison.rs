//! A ChatServer, or several, beside what they are measured against.

use crate::round::{Round, median, median_of};
use std::fmt;

/// All rounds; both lists are of one length and have at least one.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// Of what the ChatServers are measured against.
    pub reference: Vec<Round>,
    /// The ChatServers'.
    pub chat: Vec<Round>,
}

impl Comparison {
    /// The median of the ChatServers' rates by that of the reference's.
    pub fn rate_ratio(&self) -> f64 {
        median_of(&self.chat, |round| round.rate) / median_of(&self.reference, |round| round.rate)
    }

    /// The median of the rounds' own ratios: what slow changes of the machine disturb least.
    pub fn median_round_ratio(&self) -> f64 {
        let rounds = self.chat.iter().zip(&self.reference);
        median(rounds.map(|(chat, reference)| chat.rate / reference.rate).collect())
    }

    /// The same as [`Self::rate_ratio`] by processor time for each message: how fast the servers
    /// would be if they had their processors to themselves and the load were never late.
    pub fn cpu_ratio(&self) -> f64 {
        median_of(&self.reference, Round::server_us) / median_of(&self.chat, Round::server_us)
    }

    /// The smaller of both contenders' medians of `busy`.
    pub(crate) fn least(&self, busy: impl Fn(&Round) -> f64) -> f64 {
        median_of(&self.chat, &busy).min(median_of(&self.reference, &busy))
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for rounds in [&self.chat, &self.reference] {
            write_medians(f, rounds)?;
        }
        writeln!(f, "ratio of the median rates      {:.3}", self.rate_ratio())?;
        writeln!(f, "median of the rounds' ratios   {:.3}", self.median_round_ratio())?;
        write!(f, "ratio by CPU time each         {:.3}", self.cpu_ratio())
    }
}

fn write_medians(f: &mut fmt::Formatter<'_>, rounds: &[Round]) -> fmt::Result {
    let Some(first) = rounds.first() else { return Ok(()) };
    let rate = median_of(rounds, |round| round.rate);
    let cost = median_of(rounds, Round::server_us);
    write!(f, "{}: {rate:.0} a second, {cost:.2} us of CPU each", first.name)?;
    if first.costs.len() > 1 {
        let parts = first.costs.iter().enumerate().map(|(at, part)| {
            format!("{} {:.2}", part.process, median_of(rounds, |round| round.costs[at].us))
        });
        write!(f, " ({})", parts.collect::<Vec<_>>().join(", "))?;
    }
    writeln!(f)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::round::Cost;
    use crate::round::tests::round;

    pub(crate) fn comparison() -> Comparison {
        Comparison {
            reference: vec![round(100.0, 4.0), round(200.0, 4.0), round(400.0, 8.0)],
            chat: vec![round(50.0, 8.0), round(150.0, 8.0), round(100.0, 10.0)],
        }
    }

    #[test]
    fn ratios_are_the_chat_servers_by_the_references() {
        let comparison = comparison();
        assert_eq!(comparison.rate_ratio(), 0.5);
        assert_eq!(comparison.median_round_ratio(), 0.5);
        assert_eq!(comparison.cpu_ratio(), 0.5);
    }

    #[test]
    fn several_processes_are_told_apart() {
        let mut comparison = comparison();
        assert!(!comparison.to_string().contains('('), "{comparison}");
        for round in &mut comparison.chat {
            round.costs.push(Cost { process: "y", us: 1.0 });
        }
        let text = comparison.to_string();
        assert!(text.contains("9.00 us of CPU each (x 8.00, y 1.00)"), "{text}");
    }
}
