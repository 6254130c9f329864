//! The connections of a service, lent to its callbacks.

use crate::connection::Connection;
use crate::connection::id::ConnectionId;
use crate::connection::table::ConnectionTable;
use crate::driver::address::Address;
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

    /// Opens a connection to `address`, as one of this service's, with `state`: for proxies and
    /// others with many outgoing connections. When the callback has returned,
    /// [`Service::on_connected`](crate::Service::on_connected) follows, or
    /// [`Service::on_connect_failed`](crate::Service::on_connect_failed) with the id returned here,
    /// after `timeout` at the latest. Until then the id names nothing. It is tried once; who wants
    /// more tries again, or uses a [`TcpClient`](crate::TcpClient). A service whose deadline to stop
    /// has passed opens nothing any more, and is told nothing.
    ///
    /// Options of the server hold for it too, and it counts in `max_connections`, though that does
    /// not refuse it.
    pub fn connect(
        &mut self,
        address: impl Into<Address>,
        timeout: Duration,
        state: State,
    ) -> ConnectionId {
        let key = self.table.connect(self.core, address.into(), timeout, state);
        self.table.id(key)
    }

    /// Links two open connections of this service, as a proxy does: from now on each sends what the
    /// other receives, unread input first, and [`Service::on_message`](crate::Service::on_message) is
    /// not called with it. Bytes go from one kernel buffer to the other through the memory of the
    /// loop, without a copy while there is room.
    ///
    /// When one has [`high_water`](crate::ConnectionOptions::high_water) bytes to send, the other is
    /// not read until [`low_water`](crate::ConnectionOptions::low_water). An end of stream is passed
    /// on; when one closes for another reason, the other sends what it has and closes as well. Of all
    /// callbacks they have `on_write_complete`, `on_timer` and `on_closed` left.
    ///
    /// Returns false, and does nothing, if either is not open or is linked already.
    pub fn link(&mut self, one: ConnectionId, other: ConnectionId) -> bool {
        let seat = usize::from(self.table.seat);
        one.seat() == seat
            && other.seat() == seat
            && self.table.link(self.core, one.key(), other.key())
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
