//! What every part of a run shares: chance, time, what was seen, and what must hold.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use chatservice::chat::Now;
use fastrand::Rng;

use crate::model::Model;
use crate::plant::Plant;
use crate::profile::Profile;
use crate::schedule::{MILLISECOND, Micros, Schedule};

/// Events that a failure shows.
const TRACE_MAX: usize = 60;

/// See the module.
pub(crate) struct Context {
    pub(crate) rng: Rng,
    pub(crate) schedule: Schedule,
    pub(crate) model: Model,
    pub(crate) profile: Profile,
    pub(crate) plant: Plant,
    /// Faults are over: everything is to come to rest.
    pub(crate) healing: bool,
    base: Instant,
    trace: VecDeque<String>,
    /// Everything, for the replay of one seed.
    verbose: bool,
}

impl Context {
    pub(crate) fn new(seed: u64, profile: Profile, plant: Plant) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            schedule: Schedule::default(),
            model: Model::new(&profile),
            profile,
            plant,
            healing: false,
            base: Instant::now(),
            trace: VecDeque::new(),
            verbose: std::env::var_os("CHAT_SIM_TRACE").is_some(),
        }
    }

    pub(crate) fn now(&self) -> Now {
        Now {
            instant: self.instant(self.schedule.now),
            unix_ms: 1_700_000_000_000 + self.schedule.now / 1000,
        }
    }

    pub(crate) fn instant(&self, at: Micros) -> Instant {
        self.base + Duration::from_micros(at)
    }

    /// The first microsecond at which `instant` has come.
    pub(crate) fn micros(&self, instant: Instant) -> Micros {
        instant.saturating_duration_since(self.base).as_nanos().div_ceil(1000) as Micros
    }

    /// Up to `max`, mostly much less.
    pub(crate) fn delay(&mut self, max: Micros) -> Micros {
        let max = if self.rng.u8(..) < 230 { max / 8 } else { max };
        self.rng.u64(1..=max.max(1))
    }

    /// How long the store takes for one step.
    pub(crate) fn store_delay(&mut self) -> Micros {
        let max = self.profile.store_delay;
        self.delay(if self.healing { max.min(20 * MILLISECOND) } else { max })
    }

    pub(crate) fn one_in(&mut self, n: u32) -> bool {
        self.rng.u32(0..n) == 0
    }

    pub(crate) fn trace(&mut self, line: impl FnOnce() -> String) {
        let line = format!("{:>12.6} {}", self.schedule.now as f64 / 1e6, line());
        if self.verbose {
            eprintln!("{line}");
        }
        if self.trace.len() == TRACE_MAX {
            self.trace.pop_front();
        }
        self.trace.push_back(line);
    }

    /// The last events, one a line.
    pub(crate) fn last_events(&self) -> String {
        self.trace.iter().fold(String::new(), |text, line| text + line + "\n")
    }
}
