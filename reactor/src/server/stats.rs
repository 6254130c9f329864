//! Counters of one server, readable from any thread.

use std::sync::atomic::{AtomicU64, Ordering};

/// A snapshot of what a server's listener has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerStats {
    /// Connections accepted and handed to a service.
    pub accepted: u64,
    /// Closed at once because `max_connections` were open.
    pub refused_by_limit: u64,
    /// Closed at once because `max_connections_per_address` of the peer's address were open.
    pub refused_by_address: u64,
    /// Closed at once because the accept filter said so.
    pub refused_by_filter: u64,
    /// Closed at once because the process or the system had no descriptor left.
    pub refused_for_descriptors: u64,
    /// Accepts that failed.
    pub accept_errors: u64,
}

/// The live counters behind [`ServerStats`].
#[derive(Debug, Default)]
pub(crate) struct ServerCounters {
    pub(crate) accepted: AtomicU64,
    pub(crate) refused_by_limit: AtomicU64,
    pub(crate) refused_by_address: AtomicU64,
    pub(crate) refused_by_filter: AtomicU64,
    pub(crate) refused_for_descriptors: AtomicU64,
    pub(crate) accept_errors: AtomicU64,
}

impl ServerCounters {
    pub(crate) fn snapshot(&self) -> ServerStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ServerStats {
            accepted: get(&self.accepted),
            refused_by_limit: get(&self.refused_by_limit),
            refused_by_address: get(&self.refused_by_address),
            refused_by_filter: get(&self.refused_by_filter),
            refused_for_descriptors: get(&self.refused_for_descriptors),
            accept_errors: get(&self.accept_errors),
        }
    }
}

/// Adds one to a counter that others only read.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
