//! The figures of one turn, and medians of several.

use std::fmt;
use std::time::Duration;

/// One turn of one contender.
#[derive(Clone, Debug)]
pub struct Round {
    /// Which.
    pub name: String,
    /// Messages or blocks a second.
    pub rate: f64,
    /// What each of its processes spent; always the same ones in the same order.
    pub costs: Vec<Cost>,
    /// How many processors its processes were busy with it, 1 being one of them always.
    pub server_share: f64,
    /// How busy the load was.
    pub load_share: f64,
    /// The median latency.
    pub p50: Duration,
    /// The latency that 99 of 100 did not exceed.
    pub p99: Duration,
    /// The latency that 999 of 1000 did not exceed.
    pub p999: Duration,
}

/// What one process spent on a message or block.
#[derive(Clone, Debug)]
pub struct Cost {
    /// Which.
    pub process: &'static str,
    /// Microseconds of processor time.
    pub us: f64,
}

impl Round {
    /// What stands above the columns.
    pub const HEADINGS: &'static str =
        "server              messages/s  CPU us each  CPU busy  load busy   p50 us   p99 us";

    /// Microseconds of processor time that all processes spent on each message or block.
    pub fn server_us(&self) -> f64 {
        self.costs.iter().map(|cost| cost.us).sum()
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, rate, p50, p99, .. } = self;
        let server_us = self.server_us();
        let (server, load) = (self.server_share * 100.0, self.load_share * 100.0);
        let (p50, p99) = (p50.as_secs_f64() * 1e6, p99.as_secs_f64() * 1e6);
        write!(f, "{name:<18}{rate:>12.0}{server_us:>13.2}{server:>9.0}%")?;
        write!(f, "{load:>10.0}%{p50:>9.0}{p99:>9.0}")
    }
}

/// The median of a figure of some rounds; NaN of none.
pub(crate) fn median_of(rounds: &[Round], figure: impl Fn(&Round) -> f64) -> f64 {
    median(rounds.iter().map(figure).collect())
}

/// The middle one, or the mean of the two in the middle; NaN of nothing.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    match (values.get(low), values.get(high)) {
        (Some(low), Some(high)) => (low + high) / 2.0,
        _ => f64::NAN,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn round(rate: f64, us: f64) -> Round {
        Round {
            name: "x".to_owned(),
            rate,
            costs: vec![Cost { process: "x", us }],
            server_share: 1.0,
            load_share: 0.5,
            p50: Duration::from_micros(5),
            p99: Duration::from_micros(9),
            p999: Duration::from_micros(20),
        }
    }

    #[test]
    fn medians_of_few() {
        assert!(median(vec![]).is_nan());
        assert_eq!(median(vec![7.0]), 7.0);
        assert_eq!(median(vec![9.0, 1.0]), 5.0);
        assert_eq!(median(vec![9.0, 1.0, 2.0]), 2.0);
    }

    #[test]
    fn columns_stand_below_their_headings() {
        assert_eq!(round(123_456.7, 5.25).to_string().len(), Round::HEADINGS.len());
    }

    #[test]
    fn a_message_costs_what_all_processes_spent() {
        let cost = |us| Cost { process: "x", us };
        let round = Round { costs: vec![cost(1.5), cost(2.0)], ..round(1.0, 0.0) };
        assert_eq!(round.server_us(), 3.5);
    }
}
