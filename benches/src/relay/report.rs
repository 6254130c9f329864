//! The figures of a relay bench.

use std::fmt;
use std::time::Duration;

/// One turn of one contender.
#[derive(Clone, Debug)]
pub struct Round {
    /// Which.
    pub name: &'static str,
    /// Messages or blocks a second.
    pub rate: f64,
    /// Microseconds of processor time that the server spent on each.
    pub server_us: f64,
    /// How busy the server's processor was with it, 1 being always.
    pub server_share: f64,
    /// How busy the load was.
    pub load_share: f64,
    /// The median latency.
    pub p50: Duration,
    /// The latency that 99 of 100 did not exceed.
    pub p99: Duration,
}

/// All rounds; both lists are of one length and have at least one.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The bare loop's.
    pub bare: Vec<Round>,
    /// The ChatServer's.
    pub chat: Vec<Round>,
}

impl Round {
    /// What stands above the columns.
    pub const HEADINGS: &'static str =
        "server              messages/s  CPU us each  CPU busy  load busy   p50 us   p99 us";
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, rate, server_us, p50, p99, .. } = self;
        let (server, load) = (self.server_share * 100.0, self.load_share * 100.0);
        let (p50, p99) = (p50.as_secs_f64() * 1e6, p99.as_secs_f64() * 1e6);
        write!(f, "{name:<18}{rate:>12.0}{server_us:>13.2}{server:>9.0}%")?;
        write!(f, "{load:>10.0}%{p50:>9.0}{p99:>9.0}")
    }
}

impl Report {
    /// The median of the ChatServer's rates by that of the bare loop's.
    pub fn rate_ratio(&self) -> f64 {
        median_of(&self.chat, |round| round.rate) / median_of(&self.bare, |round| round.rate)
    }

    /// The median of the rounds' own ratios: what slow changes of the machine disturb least.
    pub fn median_round_ratio(&self) -> f64 {
        let ratios = self.chat.iter().zip(&self.bare).map(|(chat, bare)| chat.rate / bare.rate);
        median(ratios.collect())
    }

    /// The same as [`Self::rate_ratio`] by processor time for each message: how fast the server
    /// would be if it had its processor to itself and the load were never late.
    pub fn cpu_ratio(&self) -> f64 {
        let cost = |rounds: &[Round]| median_of(rounds, |round| round.server_us);
        cost(&self.bare) / cost(&self.chat)
    }

    /// Whether something else had the processors: neither the server nor the load was busy nearly
    /// all the time, though one of them always has something to do. The rates then tell more of
    /// the scheduler than of the servers; the CPU time of a message stays meaningful.
    pub fn is_disturbed(&self) -> bool {
        let busiest = |round: &Round| round.server_share.max(round.load_share);
        [&self.bare, &self.chat].iter().any(|rounds| median_of(rounds, busiest) < 0.9)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = |rounds: &[Round]| median_of(rounds, |round| round.rate);
        let cost = |rounds: &[Round]| median_of(rounds, |round| round.server_us);
        let (chat, bare) = (&self.chat, &self.bare);
        writeln!(f, "medians: {:.0} messages/s to {:.0} blocks/s", rate(chat), rate(bare))?;
        writeln!(f, "         {:.2} us to {:.2} us of CPU each", cost(chat), cost(bare))?;
        writeln!(f, "ratio of the median rates      {:.3}", self.rate_ratio())?;
        writeln!(f, "median of the rounds' ratios   {:.3}", self.median_round_ratio())?;
        write!(f, "ratio by CPU time each         {:.3}", self.cpu_ratio())?;
        if self.is_disturbed() {
            let text = "other work had the processors: only the ratio by CPU time is sound";
            write!(f, "\n{text}")?;
        }
        Ok(())
    }
}

fn median_of(rounds: &[Round], figure: impl Fn(&Round) -> f64) -> f64 {
    median(rounds.iter().map(figure).collect())
}

/// The middle one, or the mean of the two in the middle; NaN of nothing.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    match (values.get(low), values.get(high)) {
        (Some(low), Some(high)) => (low + high) / 2.0,
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(rate: f64, server_us: f64) -> Round {
        let (p50, p99) = (Duration::from_micros(5), Duration::from_micros(9));
        Round { name: "x", rate, server_us, server_share: 1.0, load_share: 0.5, p50, p99 }
    }

    #[test]
    fn medians_of_few() {
        assert!(median(vec![]).is_nan());
        assert_eq!(median(vec![7.0]), 7.0);
        assert_eq!(median(vec![9.0, 1.0]), 5.0);
        assert_eq!(median(vec![9.0, 1.0, 2.0]), 2.0);
    }

    #[test]
    fn ratios_are_the_servers_by_the_bare_loops() {
        let report = Report {
            bare: vec![round(100.0, 4.0), round(200.0, 4.0), round(400.0, 8.0)],
            chat: vec![round(50.0, 8.0), round(150.0, 8.0), round(100.0, 10.0)],
        };
        assert_eq!(report.rate_ratio(), 0.5);
        assert_eq!(report.median_round_ratio(), 0.5);
        assert_eq!(report.cpu_ratio(), 0.5);
    }

    #[test]
    fn a_round_in_which_nobody_was_busy_is_disturbed() {
        let with_share = |share| Round { server_share: share, ..round(100.0, 4.0) };
        let report = |share| Report { bare: vec![with_share(1.0)], chat: vec![with_share(share)] };
        assert!(!report(0.97).is_disturbed());
        assert!(report(0.6).is_disturbed());
    }

    #[test]
    fn columns_stand_below_their_headings() {
        assert_eq!(round(123_456.7, 5.25).to_string().len(), Round::HEADINGS.len());
    }
}
