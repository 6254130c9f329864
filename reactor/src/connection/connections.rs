//! The connections of a service, lent to its callbacks.

use crate::connection::Connection;
use crate::connection::id::ConnectionId;
use crate::connection::table::ConnectionTable;
use crate::event_loop::handle::LoopHandle;
use crate::event_loop::loop_core::LoopCore;
use crate::event_loop::source::SourceTimer;
use crate::event_loop::timer_queue::TimerId;
use std::time::{Duration, Instant};

/// Loop thread only. All connections of one service, for the time of a callback.
pub struct Connections<'a, State> {
    pub(crate) table: &'a mut ConnectionTable<State>,
    pub(crate) core: &'a mut LoopCore,
}

impl<'a, State> Connections<'a, State> {
    pub(crate) fn new(table: &'a mut ConnectionTable<State>, core: &'a mut LoopCore) -> Self {
        Self { table, core }
    }

    /// An open connection of this service; `None` if it is closed or belongs to another service
    /// of the server. For ids of other servers see [`ConnectionId`].
    pub fn get(&mut self, id: ConnectionId) -> Option<Connection<'_, State>> {
        if id.seat() != usize::from(self.table.seat) {
            return None;
        }
        let slot = self.table.get_open(id.key())?.key.slot as usize;
        Some(Connection::new(self.table, self.core, slot))
    }

    /// Calls `visit` with every open connection, in no particular order.
    pub fn for_each(&mut self, mut visit: impl FnMut(&mut Connection<'_, State>)) {
        for slot in 0..self.table.slots_end() {
            if self.table.open_in_slot(slot).is_some() {
                visit(&mut Connection::new(self.table, self.core, slot));
            }
        }
    }

    /// The ids of the open connections, in no particular order.
    pub fn ids(&self) -> Vec<ConnectionId> {
        self.table.keys().map(|key| self.table.id(key)).collect()
    }

    /// The number of open connections.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether no connection is open.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The remote of this loop.
    pub fn loop_handle(&self) -> LoopHandle {
        LoopHandle { shared: self.core.shared.clone() }
    }

    /// When the current turn began.
    pub fn now(&self) -> Instant {
        self.core.now
    }

    /// Has [`Service::on_service_timer`](crate::Service::on_service_timer) called with `tag`,
    /// `delay` after the start of this turn.
    pub fn run_after(&mut self, delay: Duration, tag: u64) -> TimerId {
        self.core.add_source_timer(self.table.source, delay, SourceTimer::Service { tag })
    }

    /// Cancels a timer of this service, of one of its connections, or of the loop's handles; it
    /// then does not fire, not even if it is due in this very turn.
    pub fn cancel(&mut self, timer: TimerId) {
        self.table.cancel_timer(self.core, timer);
    }
}
