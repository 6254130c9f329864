//! Round trips: of pings, which loops answer whatever happens, and of the bare echo beside them.

use crate::history::What;

/// A ping that was answered, or given up.
#[derive(Debug)]
struct Ping {
    at: u64,
    micros: u64,
    entry: String,
    /// In which window it ended, counted as [`Timing`](super::timing::Timing) does.
    window: usize,
}

#[derive(Debug, Default)]
pub(super) struct Pings {
    pings: Vec<Ping>,
    echoes: Vec<u64>,
}

impl Pings {
    /// Takes a round trip that ended at `at`; any other event is none of its business.
    pub(super) fn take(&mut self, what: &What, at: u64, entry: Option<&String>, window: usize) {
        match what {
            What::Ping { micros } => {
                let entry = entry.cloned().unwrap_or_default();
                self.pings.push(Ping { at, micros: *micros, entry, window });
            }
            What::Echo { micros } => self.echoes.push(*micros),
            _ => {}
        }
    }

    /// Leaves out those that nobody could have answered: by when they were sent and ended, and
    /// where.
    pub(super) fn excuse(&mut self, excused: impl Fn(u64, u64, &str) -> bool) {
        self.pings
            .retain(|ping| !excused(ping.at - ping.micros.min(ping.at), ping.at, &ping.entry));
    }

    /// The 99th percentile of those in the windows, in microseconds.
    pub(super) fn percentile(&self, window: impl Fn(usize) -> bool) -> u64 {
        let pings = self.pings.iter().filter(|ping| window(ping.window));
        percentile_99(pings.map(|ping| ping.micros).collect())
    }

    /// The 99th percentile of the bare echo, in microseconds.
    pub(super) fn echo(&self) -> u64 {
        percentile_99(self.echoes.clone())
    }
}

/// By nearest rank; 0 of nothing.
fn percentile_99(mut all: Vec<u64>) -> u64 {
    all.sort_unstable();
    all.get((all.len() * 99).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default()
}
