//! A server: a listener on the main loop, connections on the sub loops.

pub(crate) mod accept_error;
pub(crate) mod acceptor;
pub(crate) mod builder;
pub(crate) mod door;
pub(crate) mod listener;
pub(crate) mod placement;
pub(crate) mod population;
pub(crate) mod stats;
pub(crate) mod waiting_acceptor;
pub(crate) mod warning_limit;

use crate::connection::service_handle::ServiceHandle;
use crate::driver::address::Address;
use crate::event_loop::handle::LoopHandle;
use crate::event_loop::thread_pool::EventLoopThreadPool;
use builder::TcpServerBuilder;
use door::Door;
use listener::Listener;
use stats::ServerStats;
use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use waiting_acceptor::WaitingAcceptor;

/// A running server. Dropping it stops it without grace.
///
/// The [crate's front page](crate) shows a whole one.
#[must_use = "a server stops when it is dropped"]
pub struct TcpServer<Post> {
    /// One, or one for each loop.
    listeners: Vec<Arc<Listener>>,
    handles: Arc<[ServiceHandle<Post>]>,
    door: Arc<Door>,
    pool: EventLoopThreadPool,
    /// Disconnected when the last service has ended.
    services: mpsc::Receiver<Infallible>,
    /// Those of a server that accepts later.
    waiting: Vec<WaitingAcceptor>,
}

impl TcpServer<Infallible> {
    /// A server for `address`; port 0 lets the system choose one.
    ///
    /// Defaults: no threads, so connections live on the main loop; a backlog of 4096, muduo's
    /// and Linux's limit (SOMAXCONN); no limit on connections.
    pub fn builder(address: SocketAddr) -> TcpServerBuilder {
        TcpServerBuilder::new(address.into())
    }

    /// A server on a Unix socket of that name; otherwise as [`TcpServer::builder`].
    ///
    /// The name disappears when the server stops accepting; one that a killed server left behind is
    /// taken over. What concerns TCP alone has no effect.
    pub fn unix(path: impl Into<PathBuf>) -> TcpServerBuilder {
        TcpServerBuilder::new(path.into().into())
    }
}

impl<Post> TcpServer<Post> {
    /// Accepts connections from now on, those in the backlog first, if the server was started with
    /// [`accept_later`](TcpServerBuilder::accept_later). After [`TcpServer::stop_accepting`] it does
    /// nothing.
    pub fn start_accepting(&mut self) {
        self.waiting.drain(..).for_each(WaitingAcceptor::start);
    }

    /// Refuses new connections from now on; those that are open stay.
    pub fn stop_accepting(&self) {
        for listener in &self.listeners {
            listener.stop();
        }
    }

    /// Stops gracefully: refuses new connections, has every service called with
    /// [`Service::on_stop`](crate::Service::on_stop), and closes after `deadline` what is still open.
    ///
    /// With sub loops, returns when all their services and threads have ended; so not to be
    /// called on one of them, and a callback that does not return delays it. Without, the
    /// connections are the main loop's: returns at once, and the loop does the rest as it runs.
    /// So keep the server and run the loop until [`TcpServer::connection_count`] is 0; if either
    /// is dropped before, queued output is lost. May be called again, the nearest deadline counts.
    pub fn stop(&mut self, deadline: Duration) {
        self.stop_accepting();
        for handle in self.handles.iter() {
            handle.stop(deadline);
        }
        if self.pool.threads() > 0 {
            // Nothing is ever sent: this waits for the last sender to go.
            let _disconnected = self.services.recv();
            self.pool.join();
        }
    }

    /// Where it listens, a Unix socket included.
    pub fn address(&self) -> &Address {
        self.listeners[0].address()
    }

    /// The address listened on, with the port that the system chose; `0.0.0.0:0` for a Unix socket.
    pub fn local_addr(&self) -> SocketAddr {
        self.address().socket_addr_or_unspecified()
    }

    /// The services, in the order of their seats.
    pub fn handles(&self) -> &Arc<[ServiceHandle<Post>]> {
        &self.handles
    }

    /// The loops of the services, in the order of their seats.
    pub fn loops(&self) -> &[LoopHandle] {
        self.pool.loops()
    }

    /// Connections accepted whose service was not yet told that they closed.
    pub fn connection_count(&self) -> usize {
        self.door.population.connections()
    }

    /// What the listener has done so far.
    pub fn stats(&self) -> ServerStats {
        self.door.counters.snapshot()
    }
}

impl<Post> Drop for TcpServer<Post> {
    fn drop(&mut self) {
        self.stop_accepting();
        for handle in self.handles.iter() {
            handle.stop(Duration::ZERO);
        }
        self.pool.join();
    }
}

impl<Post> fmt::Debug for TcpServer<Post> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TcpServer")
            .field("local_addr", &self.address())
            .field("connections", &self.door.population.connections())
            .finish_non_exhaustive()
    }
}
