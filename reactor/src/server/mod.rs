//! A server: a listener on the main loop, connections on the sub loops.

pub(crate) mod stats;
pub(crate) mod accept_error;
pub(crate) mod warning_limit;
pub(crate) mod listener;
pub(crate) mod acceptor;

use crate::connection::options::ConnectionOptions;
use crate::connection::service::{Seat, Service};
use crate::connection::service_handle::{ConnectionSink, Letter, ServiceHandle};
use crate::connection::set::ConnectionSet;
use crate::connection::table::ConnectionTable;
use crate::driver::address::Address;
use crate::driver::socket::ListenOptions;
use crate::error::{Error, Result};
use crate::event_loop::EventLoop;
use crate::event_loop::handle::LoopHandle;
use crate::event_loop::mailbox::Mailbox;
use crate::event_loop::thread_pool::EventLoopThreadPool;
use crate::event_loop::token::{Key, OWNERS_MAX};
use crate::server::acceptor::{AcceptFilter, Acceptor};
use crate::server::listener::Listener;
use crate::server::stats::{ServerCounters, ServerStats};
use std::convert::Infallible;
use std::ffi::c_int;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use std::{fmt, io};

/// A running server. Dropping it stops it without grace.
///
/// The [crate's front page](crate) shows a whole one.
#[must_use = "a server stops when it is dropped"]
pub struct TcpServer<Post> {
    listener: Arc<Listener>,
    handles: Arc<[ServiceHandle<Post>]>,
    counters: Arc<ServerCounters>,
    pool: EventLoopThreadPool,
    /// Disconnected when the last service has ended.
    services: mpsc::Receiver<Infallible>,
}

/// How to start a [`TcpServer`]; made by [`TcpServer::builder`].
#[must_use = "a builder does nothing until it starts a server"]
pub struct TcpServerBuilder {
    address: Address,
    threads: usize,
    thread_name: String,
    backlog: c_int,
    reuse_port: bool,
    connections_max: usize,
    connection_options: ConnectionOptions,
    accept_filter: Option<AcceptFilter>,
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

impl TcpServerBuilder {
    fn new(address: Address) -> Self {
        Self {
            address,
            threads: 0,
            thread_name: "io-loop-".to_owned(),
            backlog: 4096,
            reuse_port: false,
            connections_max: usize::MAX,
            connection_options: ConnectionOptions::default(),
            accept_filter: None,
        }
    }

    /// Sub loops, each on a thread of its own; 0 puts the connections on the main loop.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// What threads are called, followed by their index.
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        self.thread_name = name.into();
        self
    }

    /// Connections that the kernel completes before they are accepted.
    pub fn backlog(mut self, backlog: u16) -> Self {
        self.backlog = c_int::from(backlog);
        self
    }

    /// Lets other sockets listen on the same port (SO_REUSEPORT).
    pub fn reuse_port(mut self, on: bool) -> Self {
        self.reuse_port = on;
        self
    }

    /// The most connections open at a time; those above are closed at once, and counted.
    pub fn max_connections(mut self, count: usize) -> Self {
        self.connections_max = count;
        self
    }

    /// Limits and socket options of the connections.
    pub fn connection_options(mut self, options: ConnectionOptions) -> Self {
        self.connection_options = options;
        self
    }

    /// Asked on the main loop for every connection; one it says `false` to is closed at once.
    pub fn accept_filter(mut self, filter: impl FnMut(SocketAddr) -> bool + 'static) -> Self {
        self.accept_filter = Some(Box::new(filter));
        self
    }

    /// Starts listening on `event_loop`. `factory` makes the service of each loop, on that
    /// loop's thread; all are made when this returns.
    ///
    /// # Errors
    /// If the address cannot be listened on, the options contradict each other, a thread or loop
    /// cannot be made, or `factory` panics on a sub loop.
    pub fn start<S: Service>(
        self,
        event_loop: &mut EventLoop,
        factory: impl Fn(Seat<S::Post>) -> S + Send + Sync + 'static,
    ) -> Result<TcpServer<S::Post>> {
        let address = self.address.clone();
        let failed = |error| Error::new("listen on", &address, error);
        self.connection_options
            .check()
            .map_err(|error| Error::new("use", "the connection options", error))?;
        if self.threads >= OWNERS_MAX {
            return Err(failed(io::Error::from(io::ErrorKind::InvalidInput)));
        }
        let pool = EventLoopThreadPool::start(event_loop, &self.thread_name, self.threads, |_| {})?;
        let handles: Arc<[_]> = pool.loops().iter().map(service_handle).collect();
        let counters = Arc::new(ServerCounters::default());
        let (alive, services) = mpsc::channel();
        let plan = ServicePlan {
            factory,
            handles: handles.clone(),
            counters: counters.clone(),
            options: self.connection_options.clone(),
            alive,
        };
        let targets = handles.iter().map(|handle| handle.mailbox.clone() as _).collect();
        let listener = self.listen(event_loop, targets, counters.clone()).map_err(failed)?;
        let server = TcpServer { listener, handles, counters, pool, services };
        // If this fails, the server is dropped, and with it stops what has been started.
        Arc::new(plan).install_all(event_loop, &server.pool)?;
        Ok(server)
    }

    fn listen(
        self,
        event_loop: &mut EventLoop,
        targets: Vec<Arc<dyn ConnectionSink>>,
        counters: Arc<ServerCounters>,
    ) -> io::Result<Arc<Listener>> {
        let options = &self.connection_options;
        let listening = ListenOptions { backlog: self.backlog, reuse_port: self.reuse_port };
        let poller = &event_loop.core.poller;
        let listener = Arc::new(Listener::bind(poller, &self.address, &listening, options)?);
        let acceptor_listener = listener.clone();
        event_loop.install(|core, id| {
            let key = Key { slot: 0, generation: id.generation };
            let listener = acceptor_listener;
            listener.watch(&core.poller, id.index, key)?;
            let (filter, connections_max) = (self.accept_filter, self.connections_max);
            let acceptor = Acceptor::new(id, listener, targets, filter, connections_max, counters);
            Ok(Box::new(acceptor))
        })?;
        Ok(listener)
    }
}

impl<Post> TcpServer<Post> {
    /// Refuses new connections from now on; those that are open stay.
    pub fn stop_accepting(&self) {
        self.listener.stop();
    }

    /// Stops gracefully: refuses new connections, has every service called with
    /// [`Service::on_stop`], and closes after `deadline` what is still open.
    ///
    /// With sub loops, returns when all their services and threads have ended; so not to be
    /// called on one of them, and a callback that does not return delays it. Without, the
    /// connections are the main loop's: returns at once, and the loop does the rest as it runs.
    /// So keep the server and run the loop until [`TcpServer::connection_count`] is 0; if either
    /// is dropped before, queued output is lost. May be called again, the nearest deadline counts.
    pub fn stop(&mut self, deadline: Duration) {
        self.listener.stop();
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
        self.listener.address()
    }

    /// The address listened on, with the port that the system chose; `0.0.0.0:0` for a Unix socket.
    pub fn local_addr(&self) -> SocketAddr {
        self.listener.address().socket_addr_or_unspecified()
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
        self.counters.connections()
    }

    /// What the listener has done so far.
    pub fn stats(&self) -> ServerStats {
        self.counters.snapshot()
    }
}

impl<Post> Drop for TcpServer<Post> {
    fn drop(&mut self) {
        self.listener.stop();
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
            .field("local_addr", &self.listener.address())
            .field("connections", &self.counters.connections())
            .finish_non_exhaustive()
    }
}

/// What it takes to make the services of a server.
struct ServicePlan<Post, F> {
    factory: F,
    handles: Arc<[ServiceHandle<Post>]>,
    counters: Arc<ServerCounters>,
    options: ConnectionOptions,
    alive: mpsc::Sender<Infallible>,
}

impl<Post: Send + 'static, F> ServicePlan<Post, F> {
    /// Makes a service on each loop, and returns when all are made.
    fn install_all<S>(
        self: Arc<Self>,
        event_loop: &mut EventLoop,
        pool: &EventLoopThreadPool,
    ) -> Result<()>
    where
        S: Service<Post = Post>,
        F: Fn(Seat<Post>) -> S + Send + Sync + 'static,
    {
        if pool.threads() == 0 {
            return self.install(event_loop, 0);
        }
        let (sender, receiver) = mpsc::channel();
        for (index, handle) in pool.loops().iter().enumerate() {
            let (plan, sender) = (self.clone(), sender.clone());
            handle.run_in_loop(move |event_loop| {
                // Whoever starts the server waits for this.
                let _waiting = sender.send(plan.install(event_loop, index));
            });
        }
        drop(sender);
        for _ in pool.loops() {
            receiver.recv().map_err(|mpsc::RecvError| {
                Error::new("make", "a service", io::Error::other("its factory panicked"))
            })??;
        }
        Ok(())
    }

    fn install<S>(&self, event_loop: &mut EventLoop, index: usize) -> Result<()>
    where
        S: Service<Post = Post>,
        F: Fn(Seat<Post>) -> S,
    {
        let service = (self.factory)(Seat { index, handles: self.handles.clone() });
        let mailbox = self.handles[index].mailbox.clone();
        event_loop
            .install(|core, id| {
                core.shared.activity.name_source(id.index, std::any::type_name::<S>());
                let seat = index as u16;
                let (options, counters) = (self.options.clone(), self.counters.clone());
                let table = ConnectionTable::new(id, seat, options, mailbox.clone(), counters);
                let alive = self.alive.clone();
                Ok(Box::new(ConnectionSet::new(service, table, mailbox, alive)))
            })
            .map_err(|error| Error::new("install", "a service", error))?;
        Ok(())
    }
}

fn service_handle<Post>(handle: &LoopHandle) -> ServiceHandle<Post> {
    let signal = handle.shared.signal.clone();
    ServiceHandle { mailbox: Arc::new(Mailbox::<Letter<Post>>::new(signal)) }
}
