//! The remote of a connection.

use crate::connection::id::ConnectionId;
use crate::connection::service_handle::{Command, ConnectionSink};
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;

/// Any thread. Asks one connection for something; once it is closed, asking does nothing.
///
/// What one thread asks is done in that order. Between loops, a post to the service that has
/// the connection carries more at less cost than many handles.
#[derive(Clone)]
pub struct ConnectionHandle {
    id: ConnectionId,
    sink: Arc<dyn ConnectionSink>,
}

impl ConnectionHandle {
    pub(crate) fn new(id: ConnectionId, sink: Arc<dyn ConnectionSink>) -> Self {
        Self { id, sink }
    }

    /// The connection's name.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// Queues `bytes` for the peer, as [`Connection::send_bytes`](crate::Connection::send_bytes).
    pub fn send(&self, bytes: impl Into<Bytes>) {
        self.sink.command(self.id, Command::Send(bytes.into()));
    }

    /// As [`Connection::shutdown`](crate::Connection::shutdown).
    pub fn shutdown(&self) {
        self.sink.command(self.id, Command::Shutdown);
    }

    /// As [`Connection::close_after_flush`](crate::Connection::close_after_flush).
    pub fn close_after_flush(&self) {
        self.sink.command(self.id, Command::CloseAfterFlush);
    }

    /// As [`Connection::force_close`](crate::Connection::force_close).
    pub fn force_close(&self) {
        self.sink.command(self.id, Command::ForceClose);
    }
}

impl fmt::Debug for ConnectionHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ConnectionHandle({})", self.id)
    }
}
