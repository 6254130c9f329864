//! What the worker threads count.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// Counters since the start; read from any thread. Each is exact by itself, not their relation.
#[derive(Debug, Default)]
pub struct Metrics {
    queued: AtomicUsize,
    commits: AtomicU64,
    writes: AtomicU64,
    slowest_commit_micros: AtomicU64,
}

impl Metrics {
    /// Requests that wait or are being worked on.
    pub fn queued(&self) -> usize {
        self.queued.load(Relaxed)
    }

    /// Commits, failed ones included.
    pub fn commits(&self) -> u64 {
        self.commits.load(Relaxed)
    }

    /// Writes in those commits.
    pub fn writes(&self) -> u64 {
        self.writes.load(Relaxed)
    }

    /// What the slowest commit took, in whole microseconds.
    pub fn slowest_commit(&self) -> Duration {
        Duration::from_micros(self.slowest_commit_micros.load(Relaxed))
    }

    pub(super) fn taken(&self, requests: usize) {
        self.queued.fetch_add(requests, Relaxed);
    }

    pub(super) fn answered(&self, requests: usize) {
        self.queued.fetch_sub(requests, Relaxed);
    }

    pub(super) fn committed(&self, writes: usize, took: Duration) {
        self.commits.fetch_add(1, Relaxed);
        self.writes.fetch_add(writes as u64, Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.slowest_commit_micros.fetch_max(micros, Relaxed);
    }
}
