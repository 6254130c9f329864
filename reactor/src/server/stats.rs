//! Counters of one server, readable from any thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// A snapshot of what a server's listener has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerStats {
    /// Connections accepted and handed to a service.
    pub accepted: u64,
    /// Closed at once because `max_connections` were open.
    pub refused_by_limit: u64,
    /// Closed at once because the accept filter said so.
    pub refused_by_filter: u64,
    /// Closed at once because the process or the system had no descriptor left.
    pub refused_for_descriptors: u64,
    /// Accepts that failed.
    pub accept_errors: u64,
}

/// The live counters behind [`ServerStats`], and the number of connections.
#[derive(Debug, Default)]
pub(crate) struct ServerCounters {
    connections: AtomicUsize,
    pub(crate) accepted: AtomicU64,
    pub(crate) refused_by_limit: AtomicU64,
    pub(crate) refused_by_filter: AtomicU64,
    pub(crate) refused_for_descriptors: AtomicU64,
    pub(crate) accept_errors: AtomicU64,
}

impl ServerCounters {
    /// Counts a connection from its accept on, so that a limit holds across loops, and those on
    /// the way to their loop are bounded too.
    pub(crate) fn add_connection(self: &Arc<Self>) -> CountedConnection {
        self.connections.fetch_add(1, Ordering::AcqRel);
        CountedConnection(self.clone())
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Acquire)
    }

    pub(crate) fn snapshot(&self) -> ServerStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ServerStats {
            accepted: get(&self.accepted),
            refused_by_limit: get(&self.refused_by_limit),
            refused_by_filter: get(&self.refused_by_filter),
            refused_for_descriptors: get(&self.refused_for_descriptors),
            accept_errors: get(&self.accept_errors),
        }
    }
}

/// A connection that was counted; goes with it, and counts it out when dropped, whatever it did not
/// get to.
#[derive(Debug)]
pub(crate) struct CountedConnection(Arc<ServerCounters>);

impl Drop for CountedConnection {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Adds one to a counter that others only read.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
