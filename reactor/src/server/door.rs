//! Who is let in.

use crate::driver::address::Address;
use crate::server::population::{CountedConnection, Population, Refusal};
use crate::server::stats::{ServerCounters, count};
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;

/// Decides by the peer's address whether a connection is taken.
pub(crate) type AcceptFilter = Box<dyn FnMut(SocketAddr) -> bool + Send>;

/// Shared by the acceptors of a server.
pub(crate) struct Door {
    pub(crate) population: Arc<Population>,
    pub(crate) counters: ServerCounters,
    filter: Option<Mutex<AcceptFilter>>,
}

impl Door {
    pub(crate) fn new(population: Arc<Population>, filter: Option<AcceptFilter>) -> Self {
        Self { population, counters: ServerCounters::default(), filter: filter.map(Mutex::new) }
    }

    /// Counts a connection for `seat`, unless a limit or the filter is against it.
    pub(crate) fn admit(&self, seat: usize, peer: &Address) -> Option<CountedConnection> {
        let counted = match self.population.admit(seat, peer) {
            Ok(counted) => counted,
            Err(Refusal::InAll) => {
                count(&self.counters.refused_by_limit);
                return None;
            }
            Err(Refusal::ByAddress) => {
                count(&self.counters.refused_by_address);
                return None;
            }
        };
        if let Some(filter) = &self.filter
            && !(*filter.lock())(peer.socket_addr_or_unspecified())
        {
            count(&self.counters.refused_by_filter);
            return None;
        }
        Some(counted)
    }
}
