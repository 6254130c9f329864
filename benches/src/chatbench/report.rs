//! What came of a run, for people and for programs.

use super::gauge::Process;
use super::text::{count, grouped, memory, millis};
use crate::tally::Tally;
use serde::Serialize;
use std::fmt;

/// A whole run.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) scenario: &'static str,
    /// The arguments of the program.
    pub(super) command: String,
    pub(super) machine: String,
    pub(super) options: serde_json::Value,
    pub(super) servers: Vec<String>,
    pub(super) phases: Vec<PhaseReport>,
}

/// A part of a run in which one thing is measured.
#[derive(Debug, Serialize)]
pub(super) struct PhaseReport {
    pub(super) name: String,
    /// What is counted, in the plural.
    pub(super) unit: &'static str,
    pub(super) count: u64,
    pub(super) seconds: f64,
    /// Of what is counted, a second.
    pub(super) rate: f64,
    pub(super) latencies: Vec<Latency>,
    pub(super) processes: Vec<Usage>,
    /// Processors that the load itself kept busy.
    pub(super) load_processors: f64,
    pub(super) facts: Vec<Fact>,
    pub(super) series: Vec<Sample>,
}

/// How long something took, in milliseconds.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Latency {
    pub(super) of: &'static str,
    pub(super) count: u64,
    pub(super) mean: f64,
    pub(super) p50: f64,
    pub(super) p90: f64,
    pub(super) p99: f64,
    pub(super) p999: f64,
    pub(super) max: f64,
    /// Pairs of a percentage and the latency that so many did not exceed.
    pub(super) percentiles: Vec<(f64, f64)>,
}

/// What one process used in a phase.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Usage {
    #[serde(flatten)]
    pub(super) process: Process,
    /// Processors that it kept busy.
    pub(super) processors: f64,
    /// Microseconds of processor time for each of what is counted.
    pub(super) cpu_us_each: Option<f64>,
    pub(super) anonymous_bytes_before: u64,
    pub(super) anonymous_bytes_after: u64,
}

/// A figure of its own.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Fact {
    pub(super) what: String,
    pub(super) value: f64,
    pub(super) unit: &'static str,
}

/// A moment of a phase: what happened since the one before.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Sample {
    /// Seconds since the phase began.
    pub(super) at: f64,
    pub(super) rate: f64,
    /// Milliseconds; none where nothing was counted.
    pub(super) p50: Option<f64>,
    pub(super) p99: Option<f64>,
    pub(super) p999: Option<f64>,
    pub(super) max: Option<f64>,
    pub(super) connected: usize,
    /// Of each process, in the order of [`PhaseReport::processes`]: processors kept busy.
    pub(super) processors: Vec<f64>,
    pub(super) anonymous_bytes: Vec<u64>,
}

impl Fact {
    pub(super) fn new(what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { what: what.into(), value, unit }
    }
}

impl Latency {
    /// None if nothing was counted.
    pub(super) fn of(of: &'static str, tally: &Tally) -> Option<Self> {
        const SHARES: [f64; 13] =
            [0.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.95, 99.99, 100.0];
        let at = |percentage: f64| tally.latency_at(percentage / 100.0).as_secs_f64() * 1e3;
        (tally.messages > 0).then(|| Self {
            of,
            count: tally.messages,
            mean: tally.latency.mean() / 1e6,
            p50: at(50.0),
            p90: at(90.0),
            p99: at(99.0),
            p999: at(99.9),
            max: tally.latency.max() as f64 / 1e6,
            percentiles: SHARES.map(|share| (share, at(share))).into(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "chatbench {}; {}", self.command, self.machine)?;
        for phase in &self.phases {
            write!(f, "\n{phase}")?;
        }
        Ok(())
    }
}

impl fmt::Display for PhaseReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, unit, seconds, .. } = self;
        let (number, rate) = (grouped(self.count), count(self.rate));
        writeln!(f, "{name}: {number} {unit} in {seconds:.2} s, {rate} a second")?;
        if !self.latencies.is_empty() {
            const HEADINGS: [&str; 6] = ["latency, ms", "p50", "p90", "p99", "p99.9", "max"];
            let [of, rest @ ..] = HEADINGS;
            write!(f, "  {of:<24}")?;
            rest.iter().try_for_each(|heading| write!(f, "{heading:>11}"))?;
            writeln!(f)?;
        }
        for Latency { of, p50, p90, p99, p999, max, .. } in &self.latencies {
            write!(f, "  {of:<24}")?;
            [p50, p90, p99, p999, max]
                .iter()
                .try_for_each(|it| write!(f, "{:>11}", millis(**it)))?;
            writeln!(f)?;
        }
        for usage in &self.processes {
            writeln!(f, "  {usage}")?;
        }
        writeln!(f, "  the load kept {:.2} processors busy", self.load_processors)?;
        for Fact { what, value, unit } in &self.facts {
            writeln!(f, "  {what}: {} {unit}", count(*value))?;
        }
        Ok(())
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Process { name, pid } = &self.process;
        write!(f, "{name} ({pid}): {:.2} processors", self.processors)?;
        if let Some(each) = self.cpu_us_each {
            write!(f, ", {each:.2} us of CPU each")?;
        }
        let (before, after) = (self.anonymous_bytes_before, self.anonymous_bytes_after);
        write!(f, ", anonymous memory {} to {}", memory(before), memory(after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_report_reads_well() {
        let mut tally = Tally::new();
        assert!(Latency::of("receipt", &tally).is_none());
        tally.count(Duration::from_micros(1500));
        let usage = Usage {
            process: Process { name: "ChatServer".to_owned(), pid: 7 },
            processors: 0.5,
            cpu_us_each: Some(4.25),
            anonymous_bytes_before: 1 << 20,
            anonymous_bytes_after: 3 << 20,
        };
        let phase = PhaseReport {
            name: "pairs".to_owned(),
            unit: "messages",
            count: 12_345,
            seconds: 2.0,
            rate: 6172.5,
            latencies: Latency::of("receipt", &tally).into_iter().collect(),
            processes: vec![usage],
            load_processors: 0.25,
            facts: vec![Fact::new("stored", 3.0, "messages")],
            series: Vec::new(),
        };
        let text = phase.to_string();
        for part in [
            "pairs: 12,345 messages in 2.00 s, 6,173 a second",
            "p99.9        max",
            "1.50",
            "ChatServer (7): 0.50 processors, 4.25 us of CPU each, anonymous memory 1.0 MiB to 3.0 MiB",
            "stored: 3 messages",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
