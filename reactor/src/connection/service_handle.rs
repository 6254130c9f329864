//! The remote of a service, and the letters that reach a set of connections.

use crate::connection::id::ConnectionId;
use crate::connection::tcp_connection::Arrival;
use crate::error::Closed;
use crate::event_loop::mailbox::Mailbox;
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A letter to a service and its connections. One queue for all kinds keeps the order in which a
/// thread sent them.
pub(crate) enum Letter<Post> {
    Post(Post),
    Command(ConnectionId, Command),
    Accepted(Arrival),
    Stop { deadline: Duration },
}

/// What other threads may ask of a connection.
pub(crate) enum Command {
    Send(Bytes),
    Shutdown,
    CloseAfterFlush,
    ForceClose,
}

/// The mailbox of a service as seen by those who do not know what it is posted.
pub(crate) trait ConnectionSink: Send + Sync {
    fn command(&self, id: ConnectionId, command: Command);
    fn accepted(&self, arrival: Arrival) -> Result<(), Closed>;
}

impl<Post: Send> ConnectionSink for Mailbox<Letter<Post>> {
    fn command(&self, id: ConnectionId, command: Command) {
        // If the loop has ended, so has the connection.
        let _ended = self.push(Letter::Command(id, command));
    }

    fn accepted(&self, arrival: Arrival) -> Result<(), Closed> {
        self.push(Letter::Accepted(arrival))
    }
}

/// Any thread. Posts to the service of one loop.
pub struct ServiceHandle<Post> {
    pub(crate) mailbox: Arc<Mailbox<Letter<Post>>>,
}

impl<Post: Send + 'static> ServiceHandle<Post> {
    /// Has [`Service::on_post`](crate::Service::on_post) called with `post`. Does not block; how
    /// much may wait is the caller's to bound, by [`ServiceHandle::queue_size`] or by the
    /// protocol.
    ///
    /// # Errors
    /// If the service has ended.
    pub fn post(&self, post: Post) -> Result<(), Closed> {
        self.mailbox.push(Letter::Post(post))
    }

    /// Letters waiting for the service: posts, commands to connections, new connections.
    pub fn queue_size(&self) -> usize {
        self.mailbox.len()
    }
}

impl<Post> ServiceHandle<Post> {
    /// Asks the service to stop within `deadline`.
    pub(crate) fn stop(&self, deadline: Duration) {
        // A loop that has ended is stopped.
        let _ended = self.mailbox.push(Letter::Stop { deadline });
    }
}

impl<Post> Clone for ServiceHandle<Post> {
    fn clone(&self) -> Self {
        Self { mailbox: self.mailbox.clone() }
    }
}

impl<Post> fmt::Debug for ServiceHandle<Post> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ServiceHandle").field("queue_size", &self.mailbox.len()).finish()
    }
}
