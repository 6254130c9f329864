//! How a server is configured and started.

use crate::connection::options::ConnectionOptions;
use crate::connection::service::{Seat, Service};
use crate::connection::service_handle::{Letter, ServiceHandle};
use crate::connection::set::ConnectionSet;
use crate::connection::table::ConnectionTable;
use crate::driver::address::Address;
use crate::driver::affinity;
use crate::driver::socket::ListenOptions;
use crate::error::{Error, Result};
use crate::event_loop::EventLoop;
use crate::event_loop::handle::LoopHandle;
use crate::event_loop::mailbox::Mailbox;
use crate::event_loop::source::SourceId;
use crate::event_loop::thread_pool::EventLoopThreadPool;
use crate::event_loop::token::OWNERS_MAX;
use crate::server::TcpServer;
use crate::server::acceptor::{Acceptor, Target};
use crate::server::door::{AcceptFilter, Door};
use crate::server::listener::Listener;
use crate::server::placement::{Chooser, Placement};
use crate::server::population::{ConnectionLimits, Population};
use crate::server::waiting_acceptor::WaitingAcceptor;
use crate::tls::Tls;
use std::convert::Infallible;
use std::ffi::c_int;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::{fmt, io};

type ThreadInit = Box<dyn Fn(&mut EventLoop, usize) + Send + Sync>;

/// How to start a [`TcpServer`]; made by [`TcpServer::builder`].
#[must_use = "a builder does nothing until it starts a server"]
pub struct TcpServerBuilder {
    address: Address,
    threads: usize,
    thread_name: String,
    thread_init: ThreadInit,
    processors: Vec<usize>,
    listening: ListenOptions,
    listens_everywhere: bool,
    accepts_later: bool,
    placement: Placement,
    limits: ConnectionLimits,
    connection_options: ConnectionOptions,
    accept_filter: Option<AcceptFilter>,
    tls: Option<Tls>,
}

impl TcpServerBuilder {
    pub(super) fn new(address: Address) -> Self {
        Self {
            address,
            threads: 0,
            thread_name: "io-loop-".to_owned(),
            thread_init: Box::new(|_, _| {}),
            processors: Vec::new(),
            listening: ListenOptions { backlog: 4096, reuse_port: false, only_ipv6: false },
            listens_everywhere: false,
            accepts_later: false,
            placement: Placement::default(),
            limits: ConnectionLimits { in_all: usize::MAX, by_address: usize::MAX },
            connection_options: ConnectionOptions::default(),
            accept_filter: None,
            tls: None,
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

    /// Called with each sub loop and its index on its thread before it runs, or with the main loop
    /// if there are none: muduo's `ThreadInitCallback`, for example for an observer.
    pub fn thread_init(
        mut self,
        init: impl Fn(&mut EventLoop, usize) + Send + Sync + 'static,
    ) -> Self {
        self.thread_init = Box::new(init);
        self
    }

    /// Keeps the thread of sub loop `i` on processor `processors[i % length]`, counted from 0. Where
    /// the load is even this spares caches and wake-ups between processors; measure before.
    pub fn pin_threads(mut self, processors: impl Into<Vec<usize>>) -> Self {
        self.processors = processors.into();
        self
    }

    /// Connections that the kernel completes before they are accepted.
    pub fn backlog(mut self, backlog: u16) -> Self {
        self.listening.backlog = c_int::from(backlog);
        self
    }

    /// Lets other sockets listen on the same port (SO_REUSEPORT), those of other processes for
    /// example.
    pub fn reuse_port(mut self, on: bool) -> Self {
        self.listening.reuse_port = on;
        self
    }

    /// Has every sub loop listen and accept for itself (SO_REUSEPORT), where muduo's `kReusePort`
    /// leads. The kernel deals connections by a hash, which is even only when they are many;
    /// [`TcpServerBuilder::placement`] has no say. For many short connections, where accepting on
    /// one loop is what limits. With one sub loop nothing is dealt and no port shared: it spares
    /// waking the main loop for each connection.
    pub fn listen_on_every_loop(mut self, on: bool) -> Self {
        self.listens_everywhere = on;
        self
    }

    /// Has the server accept nobody before [`TcpServer::start_accepting`]; until then clients wait in
    /// the backlog. For services that need what is started after them.
    pub fn accept_later(mut self, on: bool) -> Self {
        self.accepts_later = on;
        self
    }

    /// Whether a listener on an IPv6 address takes IPv6 alone. Default false: one on `[::]` takes
    /// IPv4 as well, as Linux does by default.
    pub fn only_ipv6(mut self, on: bool) -> Self {
        self.listening.only_ipv6 = on;
        self
    }

    /// Which sub loop gets a new connection. Default in turn.
    pub fn placement(mut self, placement: Placement) -> Self {
        self.placement = placement;
        self
    }

    /// The most connections open at a time; those above are closed at once, and counted.
    pub fn max_connections(mut self, count: usize) -> Self {
        self.limits.in_all = count;
        self
    }

    /// The most connections open at a time from one IPv4 address or IPv6 /64, which is what a
    /// single host may have; those above are closed at once, and counted. Costs memory for the
    /// addresses that are connected, and nothing a message. Not for Unix sockets, nor of use behind
    /// a proxy.
    pub fn max_connections_per_address(mut self, count: usize) -> Self {
        self.limits.by_address = count;
        self
    }

    /// Limits and socket options of the connections.
    pub fn connection_options(mut self, options: ConnectionOptions) -> Self {
        self.connection_options = options;
        self
    }

    /// Has every connection begin with TLS: `on_connected` is called when it is agreed on, and a
    /// connection with which it cannot be is closed, and counted in
    /// [`LoopStats::handshakes_failed`](crate::LoopStats::handshakes_failed). A handshake is
    /// arithmetic on the loop of the connection, half a millisecond or so for a new peer.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, config: Arc<rustls::ServerConfig>) -> Self {
        self.tls = Some(Tls::Server(config));
        self
    }

    /// Asked for every connection on the loop that accepts it, by one at a time; one it says `false`
    /// to, or panics over, is closed at once.
    pub fn accept_filter(
        mut self,
        filter: impl FnMut(SocketAddr) -> bool + Send + 'static,
    ) -> Self {
        self.accept_filter = Some(Box::new(filter));
        self
    }

    /// Starts listening on `event_loop`. `factory` makes the service of each loop, on that
    /// loop's thread; all are made when this returns.
    ///
    /// # Errors
    /// If the address cannot be listened on, the options contradict each other, a processor is not
    /// there, a thread or loop cannot be made, or `factory` panics on a sub loop.
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
        if let Some(tls) = &self.tls {
            tls.check().map_err(|error| Error::new("use", "the TLS configuration", error))?;
        }
        if self.threads >= OWNERS_MAX {
            return Err(failed(io::Error::from(io::ErrorKind::InvalidInput)));
        }
        for &processor in &self.processors {
            affinity::check(processor)
                .map_err(|error| Error::new("use processor", processor, error))?;
        }
        let everywhere = self.listens_everywhere && self.threads > 0;
        let listeners = self.bind(event_loop, everywhere).map_err(failed)?;
        let init = pinning(self.processors, self.thread_init);
        let pool = EventLoopThreadPool::start(event_loop, &self.thread_name, self.threads, init)?;
        let handles: Arc<[_]> = pool.loops().iter().map(service_handle).collect();
        let population = Arc::new(Population::new(self.limits, handles.len()));
        let door = Arc::new(Door::new(population, self.accept_filter));
        let (alive, services) = mpsc::channel();
        let plan = ServicePlan {
            factory,
            handles: handles.clone(),
            listeners: if everywhere { listeners.clone() } else { Vec::new() },
            door: door.clone(),
            options: self.connection_options,
            tls: self.tls,
            accepts_later: self.accepts_later,
            alive,
        };
        let mut server =
            TcpServer { listeners, handles, door, pool, services, waiting: Vec::new() };
        // If this fails, the server is dropped, and with it stops what has been started.
        server.waiting = Arc::new(plan).install_all(event_loop, &server.pool)?;
        if !everywhere {
            let targets = server.handles.iter().enumerate().map(target).collect();
            let chooser = Chooser::new(self.placement);
            let (listener, door) = (server.listeners[0].clone(), server.door.clone());
            let make = |id| Acceptor::new(id, listener, targets, chooser, door);
            server
                .waiting
                .extend(install_acceptor(event_loop, self.accepts_later, make).map_err(failed)?);
        }
        Ok(server)
    }

    /// One listener, or one for each sub loop at the same address.
    fn bind(&self, event_loop: &EventLoop, everywhere: bool) -> io::Result<Vec<Arc<Listener>>> {
        let mut listening = self.listening.clone();
        listening.reuse_port |= everywhere && self.threads > 1;
        let bind = |address: &Address| {
            let poller = &event_loop.core.poller;
            Listener::bind(poller, address, &listening, &self.connection_options).map(Arc::new)
        };
        let mut listeners = vec![bind(&self.address)?];
        let count = if everywhere { self.threads } else { 1 };
        while listeners.len() < count {
            // The first one has the port that the system chose.
            let address = listeners[0].address().clone();
            listeners.push(bind(&address)?);
        }
        Ok(listeners)
    }
}

/// Keeps each thread to its processor before anything else is done on it.
fn pinning(
    processors: Vec<usize>,
    init: ThreadInit,
) -> impl Fn(&mut EventLoop, usize) + Send + Sync + 'static {
    move |event_loop, index| {
        if !processors.is_empty() {
            let processor = processors[index % processors.len()];
            if let Err(error) = affinity::pin_current_thread(processor) {
                log::warn!("cannot keep a loop on processor {processor}: {error}");
            }
        }
        init(event_loop, index);
    }
}

fn target<Post: Send + 'static>((seat, handle): (usize, &ServiceHandle<Post>)) -> Target {
    Target { seat, sink: handle.mailbox.clone() }
}

/// Puts an acceptor on a loop; what it takes to start it, if that is to be later.
fn install_acceptor(
    event_loop: &mut EventLoop,
    later: bool,
    make: impl FnOnce(SourceId) -> Acceptor,
) -> io::Result<Option<WaitingAcceptor>> {
    let handle = event_loop.handle();
    let mut waiting = None;
    event_loop.install(|core, id| {
        let acceptor = make(id);
        if later {
            waiting = Some(WaitingAcceptor::new(handle, &acceptor));
        } else {
            acceptor.watch(core)?;
        }
        Ok(Box::new(acceptor))
    })?;
    Ok(waiting)
}

impl fmt::Debug for TcpServerBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TcpServerBuilder")
            .field("address", &self.address)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

/// What it takes to make the services of a server.
struct ServicePlan<Post, F> {
    factory: F,
    handles: Arc<[ServiceHandle<Post>]>,
    /// One for each loop, if each listens for itself.
    listeners: Vec<Arc<Listener>>,
    door: Arc<Door>,
    options: ConnectionOptions,
    tls: Option<Tls>,
    accepts_later: bool,
    alive: mpsc::Sender<Infallible>,
}

impl<Post: Send + 'static, F> ServicePlan<Post, F> {
    /// Makes a service on each loop, and returns when all are made; with the acceptors that are on
    /// these loops and wait.
    fn install_all<S>(
        self: Arc<Self>,
        event_loop: &mut EventLoop,
        pool: &EventLoopThreadPool,
    ) -> Result<Vec<WaitingAcceptor>>
    where
        S: Service<Post = Post>,
        F: Fn(Seat<Post>) -> S + Send + Sync + 'static,
    {
        if pool.threads() == 0 {
            return Ok(self.install(event_loop, 0)?.into_iter().collect());
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
        let mut waiting = Vec::new();
        for _ in pool.loops() {
            let installed = receiver.recv().map_err(|mpsc::RecvError| {
                Error::new("make", "a service", io::Error::other("its factory panicked"))
            });
            waiting.extend(installed??);
        }
        Ok(waiting)
    }

    fn install<S>(
        &self,
        event_loop: &mut EventLoop,
        index: usize,
    ) -> Result<Option<WaitingAcceptor>>
    where
        S: Service<Post = Post>,
        F: Fn(Seat<Post>) -> S,
    {
        let failed = |error| Error::new("install", "a service", error);
        let service = (self.factory)(Seat { index, handles: self.handles.clone() });
        let mailbox = self.handles[index].mailbox.clone();
        event_loop
            .install(|core, id| {
                core.shared.services.enter::<S, _>(id.index, &mailbox);
                let (options, population) = (self.options.clone(), self.door.population.clone());
                let seat = index as u16;
                let tls = self.tls.clone();
                let sink = mailbox.clone();
                let table = ConnectionTable::new(id, seat, options, tls, sink, population);
                let alive = self.alive.clone();
                Ok(Box::new(ConnectionSet::new(service, table, mailbox, alive)))
            })
            .map_err(failed)?;
        let Some(listener) = self.listeners.get(index).cloned() else { return Ok(None) };
        let targets = vec![target((index, &self.handles[index]))];
        let chooser = Chooser::new(Placement::RoundRobin);
        let make = |id| Acceptor::new(id, listener, targets, chooser, self.door.clone());
        install_acceptor(event_loop, self.accepts_later, make).map_err(failed)
    }
}

fn service_handle<Post>(handle: &LoopHandle) -> ServiceHandle<Post> {
    let signal = handle.shared.signal.clone();
    ServiceHandle { mailbox: Arc::new(Mailbox::<Letter<Post>>::new(signal)) }
}
