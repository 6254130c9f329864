//! One connection, lent to the callbacks of its service.

pub(crate) mod connecting;
pub(crate) mod handshaking;
#[cfg(feature = "tls")]
mod start_tls;
pub(crate) mod deadlines;
pub(crate) mod id;
pub(crate) mod linking;
pub(crate) mod options;
pub(crate) mod state;
pub(crate) mod output_queue;
pub(crate) mod tcp_connection;
pub(crate) mod table;
pub(crate) mod set;
pub(crate) mod service;
pub(crate) mod service_handle;
pub(crate) mod connections;
pub(crate) mod handle;

use crate::connection::connections::Connections;
use crate::connection::deadlines::{Deadlines, Patience};
use crate::connection::handle::ConnectionHandle;
use crate::connection::id::ConnectionId;
use crate::connection::service::SendStatus;
use crate::connection::state::{CloseReason, InputFlow};
use crate::connection::table::{ConnectionTable, Hearing};
use crate::connection::tcp_connection::TcpConnection;
use crate::driver::address::Address;
use crate::event_loop::loop_core::LoopCore;
use crate::event_loop::source::SourceTimer;
use crate::event_loop::timer_queue::TimerId;
use bytes::Bytes;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Loop thread only. One connection, for the time of a callback.
///
/// Everything asked takes effect without calling the service back: output is written when a batch
/// of callbacks is over (earlier only if it is large), `on_closed` comes after the current callback.
pub struct Connection<'a, State> {
    table: &'a mut ConnectionTable<State>,
    core: &'a mut LoopCore,
    slot: usize,
}

impl<'a, State> Connection<'a, State> {
    /// `slot` must be in use.
    pub(crate) fn new(
        table: &'a mut ConnectionTable<State>,
        core: &'a mut LoopCore,
        slot: usize,
    ) -> Self {
        Self { table, core, slot }
    }

    /// Sends `bytes`: small ones are copied to the queue, to be written together with what else the
    /// turn sends; from 4 KiB on they are written at once if the queue is empty, and only what the
    /// kernel does not take is copied.
    pub fn send(&mut self, bytes: &[u8]) -> SendStatus {
        match self.admit(bytes.len()) {
            SendStatus::Queued if !self.table.send_through(self.core, self.slot, bytes) => {
                SendStatus::Closed
            }
            status => status,
        }
    }

    /// Queues `bytes` without copying them, unless they are so few that a copy is cheaper.
    pub fn send_bytes(&mut self, bytes: Bytes) -> SendStatus {
        let status = self.admit(bytes.len());
        if status == SendStatus::Queued {
            self.table.in_slot_mut(self.slot).output.append_shared(bytes, &mut self.core.chunks);
            self.table.mark_dirty(self.slot);
        }
        status
    }

    /// Ends the sending side once the queue is written. The peer may go on sending; when it ends
    /// too, the connection closes.
    pub fn shutdown(&mut self) {
        let connection = self.inner_mut();
        connection.state = connection.state.shut_down();
        self.table.mark_dirty(self.slot);
    }

    /// Closes once the queue is written. Input is not offered any more; what has arrived by
    /// then is thrown away, up to 8 MiB, so that the close does not reset the connection. A peer in
    /// the middle of sending can still lose the last bytes to a reset; where that matters, use
    /// [`Connection::shutdown`] and ignore the input.
    pub fn close_after_flush(&mut self) {
        let connection = self.inner_mut();
        connection.state = connection.state.close_after_flush();
        connection.input = Default::default();
        self.table.mark_dirty(self.slot);
    }

    /// Closes now; queued output is lost.
    pub fn force_close(&mut self) {
        self.table.close(self.slot, CloseReason::Closed);
    }

    /// Closes after `delay`, counted from the start of this turn, if the connection is not over by
    /// then; queued output is lost. For the time between a [`Connection::shutdown`] and a peer that
    /// does not end too there is [`closing_timeout`](crate::ConnectionOptions::closing_timeout).
    pub fn force_close_after(&mut self, delay: Duration) {
        let timer = SourceTimer::ForceClose { key: self.inner().key };
        let id = self.core.add_source_timer(self.table.source, delay, timer);
        self.inner_mut().timers.push(id);
    }

    /// Stops reading; the peer will fill its own buffers and wait. A connection that breaks is
    /// still closed at once, one that the peer ends only after [`Connection::start_reading`].
    pub fn stop_reading(&mut self) {
        let connection = self.inner_mut();
        connection.flow = connection.flow.stop();
    }

    /// Reads again. Unread bytes are offered again too, even if no new ones come.
    pub fn start_reading(&mut self) {
        let connection = self.inner_mut();
        connection.flow = connection.flow.start();
        if connection.flow == InputFlow::Resuming {
            self.table.mark_ready(self.slot);
        }
    }

    /// Has [`Service::on_timer`](crate::Service::on_timer) called with `tag`, `delay` after the
    /// start of this turn, unless the connection is closed by then.
    pub fn run_after(&mut self, delay: Duration, tag: u64) -> TimerId {
        let key = self.inner().key;
        let timer = SourceTimer::Connection { key, tag };
        let id = self.core.add_source_timer(self.table.source, delay, timer);
        self.inner_mut().timers.push(id);
        id
    }

    /// Cancels a timer, as [`Connections::cancel`].
    pub fn cancel(&mut self, timer: TimerId) {
        self.table.cancel_timer(self.core, timer);
    }

    /// Chooses [`idle_timeout`](crate::ConnectionOptions::idle_timeout) for this connection; the time
    /// counts from what was done last.
    pub fn set_idle_timeout(&mut self, limit: Option<Duration>) {
        self.set_deadlines(|deadlines| deadlines.idle = Patience::new(limit));
    }

    /// As [`Connection::set_idle_timeout`], for
    /// [`read_timeout`](crate::ConnectionOptions::read_timeout).
    pub fn set_read_timeout(&mut self, limit: Option<Duration>) {
        self.set_deadlines(|deadlines| deadlines.read = Patience::new(limit));
    }

    /// As [`Connection::set_idle_timeout`], for
    /// [`write_timeout`](crate::ConnectionOptions::write_timeout).
    pub fn set_write_timeout(&mut self, limit: Option<Duration>) {
        self.set_deadlines(|deadlines| deadlines.write = Patience::new(limit));
    }

    /// What the service remembers of this connection.
    pub fn state_mut(&mut self) -> &mut State {
        &mut self.inner_mut().user
    }

    /// All connections of the service, this one included.
    pub fn connections(&mut self) -> Connections<'_, State> {
        Connections::new(self.table, self.core)
    }

    /// The name of this connection.
    pub fn id(&self) -> ConnectionId {
        self.table.id(self.inner().key)
    }

    /// What the service remembers of this connection.
    pub fn state(&self) -> &State {
        &self.inner().user
    }

    /// Bytes sent but not yet taken by the kernel.
    pub fn queued_bytes(&self) -> usize {
        self.inner().output.len()
    }

    /// Bytes that the kernel took so far; tells a slow peer from a stuck one.
    pub fn bytes_written(&self) -> u64 {
        self.inner().bytes_written
    }

    /// Whether a send would be taken: neither end was asked for yet.
    pub fn can_send(&self) -> bool {
        self.inner().state.can_send()
    }

    /// Where the peer is, a Unix socket included.
    pub fn peer(&self) -> &Address {
        &self.inner().peer
    }

    /// The address of the peer; `0.0.0.0:0` for a Unix socket.
    pub fn peer_addr(&self) -> SocketAddr {
        self.inner().peer.socket_addr_or_unspecified()
    }

    /// The address of this side; `0.0.0.0:0` for a Unix socket.
    ///
    /// # Errors
    /// If the socket is broken.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.inner().stream.local_addr()?.socket_addr_or_unspecified())
    }

    /// Turns TCP_NODELAY on or off for this connection.
    ///
    /// # Errors
    /// If the socket is broken.
    pub fn set_tcp_no_delay(&self, on: bool) -> io::Result<()> {
        self.inner().stream.set_tcp_no_delay(on)
    }

    /// Whether TCP_NODELAY is on.
    ///
    /// # Errors
    /// If the socket is broken.
    pub fn tcp_no_delay(&self) -> io::Result<bool> {
        self.inner().stream.is_tcp_no_delay()
    }

    /// The remote of this connection for other threads.
    pub fn handle(&self) -> ConnectionHandle {
        ConnectionHandle::new(self.id(), self.table.sink.clone())
    }

    /// When the current turn began.
    pub fn now(&self) -> Instant {
        self.core.now
    }

    /// Has the service not be told any more that all was written.
    pub(crate) fn ignore_write_complete(&mut self) {
        self.table.write_complete = Hearing::Deaf;
    }

    /// Whether `count` more bytes may be queued; closes the connection if they are too many.
    fn admit(&mut self, count: usize) -> SendStatus {
        if !self.can_send() {
            return SendStatus::Closed;
        }
        if self.is_too_much(count) {
            // So far nothing was written in this turn: the kernel may take what is queued.
            if !self.table.flush_now(self.core, self.slot) {
                return SendStatus::Closed;
            }
            if self.is_too_much(count) {
                self.table.close(self.slot, CloseReason::OutputOverflow);
                return SendStatus::Full;
            }
        }
        SendStatus::Queued
    }

    fn set_deadlines(&mut self, set: impl FnOnce(&mut Deadlines)) {
        let connection = self.inner_mut();
        let key = connection.key;
        set(&mut connection.deadlines);
        if let Some(timer) = connection.deadline_timer.take() {
            self.core.timers.cancel(timer);
        }
        self.table.look_at_deadlines(self.core, key);
    }

    fn is_too_much(&self, count: usize) -> bool {
        self.queued_bytes().saturating_add(count) > self.table.options.output_cap
    }

    fn inner(&self) -> &TcpConnection<State> {
        self.table.in_slot(self.slot)
    }

    fn inner_mut(&mut self) -> &mut TcpConnection<State> {
        self.table.in_slot_mut(self.slot)
    }
}

impl<State> fmt::Debug for Connection<'_, State> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Connection")
            .field("id", &self.id())
            .field("peer", &self.peer())
            .field("state", &self.inner().state)
            .field("queued_bytes", &self.queued_bytes())
            .field("timers", &self.inner().timers.len())
            .finish_non_exhaustive()
    }
}
