//! Follows a phase: a sample each while, a line of progress for it, and the totals in the end.

use super::gauge::{Gauge, Reading};
use super::report::{Fact, Latency, PhaseReport, Sample, Usage};
use super::text::{count, memory, millis};
use crate::processor_time;
use crate::tally::Tally;
use std::io;
use std::time::{Duration, Instant};

/// See the module.
pub(super) struct Recorder<'a> {
    gauge: &'a Gauge,
    /// Further processes of the load.
    beside: Vec<u32>,
    every: Duration,
    /// When the phase ends, if that is known.
    end: Option<Instant>,
    unit: &'static str,
    start: Moment,
    last: Moment,
    /// What the phase counts first, then what else it times.
    totals: Vec<(&'static str, Tally)>,
    samples: Vec<Sample>,
}

/// What had been used at some time.
struct Moment {
    at: Instant,
    readings: Vec<Reading>,
    own: Duration,
}

impl<'a> Recorder<'a> {
    /// Of a phase that begins now and counts `unit`; `timed` are the names of its tallies, of which
    /// the first is counted.
    pub(super) fn start(
        gauge: &'a Gauge,
        every: Duration,
        unit: &'static str,
        timed: &[&'static str],
    ) -> io::Result<Self> {
        Ok(Self {
            gauge,
            beside: Vec::new(),
            every,
            end: None,
            unit,
            start: Moment::now(gauge, &[])?,
            last: Moment::now(gauge, &[])?,
            totals: timed.iter().map(|name| (*name, Tally::new())).collect(),
            samples: Vec::new(),
        })
    }

    /// The load has further processes.
    pub(super) fn beside(mut self, pids: Vec<u32>) -> io::Result<Self> {
        self.start = Moment::now(self.gauge, &pids)?;
        self.last = Moment::now(self.gauge, &pids)?;
        self.beside = pids;
        Ok(self)
    }

    /// The phase ends then, and the last sample is taken.
    pub(super) fn end_at(&mut self, end: Instant) {
        self.end = Some(end);
    }

    /// When the next sample is due; none of a short time is taken just before the end.
    pub(super) fn next_due(&self) -> Instant {
        let next = self.last.at + self.every;
        match self.end {
            Some(end) if next + self.every / 5 > end => end,
            _ => next,
        }
    }

    /// Takes what was counted since the last sample, and tells it.
    pub(super) fn sample(
        &mut self,
        tallies: &mut [&mut Tally],
        connected: usize,
    ) -> io::Result<()> {
        let now = Moment::now(self.gauge, &self.beside)?;
        let seconds = (now.at - self.last.at).as_secs_f64();
        let main = &tallies[0];
        let latency =
            |share: f64| (main.messages > 0).then(|| main.latency_at(share).as_secs_f64() * 1e3);
        let sample = Sample {
            at: (now.at - self.start.at).as_secs_f64(),
            rate: main.messages as f64 / seconds,
            p50: latency(0.5),
            p99: latency(0.99),
            p999: latency(0.999),
            max: latency(1.0),
            connected,
            processors: now.processors_since(&self.last),
            anonymous_bytes: now.readings.iter().map(|reading| reading.anonymous).collect(),
        };
        eprintln!("{}", self.line(&sample));
        self.samples.push(sample);
        self.last = now;
        for (tally, (_, total)) in tallies.iter_mut().zip(&mut self.totals) {
            total.messages += tally.messages;
            total
                .latency
                .add(&tally.latency)
                .map_err(|error| io::Error::other(error.to_string()))?;
            tally.messages = 0;
            tally.latency.reset();
        }
        Ok(())
    }

    /// The report; what was counted after the last sample is not in it.
    pub(super) fn finish(self, name: impl Into<String>, facts: Vec<Fact>) -> PhaseReport {
        let seconds = (self.last.at - self.start.at).as_secs_f64();
        let count = self.totals[0].1.messages;
        let processors = self.last.processors_since(&self.start);
        let usage = self.gauge.processes().iter().enumerate().map(|(at, process)| Usage {
            process: process.clone(),
            processors: processors[at],
            cpu_us_each: (count > 0).then(|| processors[at] * seconds * 1e6 / count as f64),
            anonymous_bytes_before: self.start.readings[at].anonymous,
            anonymous_bytes_after: self.last.readings[at].anonymous,
        });
        PhaseReport {
            name: name.into(),
            unit: self.unit,
            count,
            seconds,
            rate: count as f64 / seconds,
            latencies: self
                .totals
                .iter()
                .filter_map(|(of, tally)| Latency::of(of, tally))
                .collect(),
            processes: usage.collect(),
            load_processors: (self.last.own - self.start.own).as_secs_f64() / seconds,
            facts,
            series: self.samples,
        }
    }

    fn line(&self, sample: &Sample) -> String {
        let Sample { at, rate, connected, .. } = sample;
        let mut line = format!("{at:6.1} s: {} {}/s", count(*rate), self.unit);
        if let (Some(p50), Some(p99)) = (sample.p50, sample.p99) {
            line += &format!(", p50 {} ms, p99 {} ms", millis(p50), millis(p99));
        }
        line += &format!(", {connected} connected");
        for (at, process) in self.gauge.processes().iter().enumerate() {
            let busy = sample.processors[at] * 100.0;
            let memory = memory(sample.anonymous_bytes[at]);
            line += &format!("; {} {busy:.0} % CPU, {memory}", process.name);
        }
        line
    }
}

impl Moment {
    /// `load` are the load's processes besides this one.
    fn now(gauge: &Gauge, load: &[u32]) -> io::Result<Self> {
        let mut own = processor_time::own();
        for pid in load {
            own += processor_time::of_process(*pid)?;
        }
        Ok(Self { readings: gauge.read()?, own, at: Instant::now() })
    }

    fn processors_since(&self, before: &Self) -> Vec<f64> {
        let seconds = (self.at - before.at).as_secs_f64();
        let pairs = self.readings.iter().zip(&before.readings);
        pairs.map(|(now, then)| now.cpu.saturating_sub(then.cpu).as_secs_f64() / seconds).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_add_up() {
        let gauge = Gauge::new(&[], &[std::process::id()]).unwrap();
        let every = Duration::from_secs(1);
        let mut recorder =
            Recorder::start(&gauge, every, "messages", &["receipt", "answer"]).unwrap();
        let (mut receipts, mut answers) = (Tally::new(), Tally::new());
        for micros in [1000, 3000] {
            receipts.count(Duration::from_micros(micros));
            recorder.sample(&mut [&mut receipts, &mut answers], 5).unwrap();
            assert_eq!(receipts.messages, 0);
        }
        let report = recorder.finish("pairs", Vec::new());
        assert_eq!((report.count, report.series.len(), report.latencies.len()), (2, 2, 1));
        assert!((2.9..3.1).contains(&report.latencies[0].max), "{:?}", report.latencies);
        assert!(report.series[0].p50.unwrap() < report.series[1].p50.unwrap());
        assert_eq!(report.processes.len(), 1);
    }
}
