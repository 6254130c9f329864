//! A client: a connector and at most one connection, on one loop.

pub(crate) mod backoff;
pub(crate) mod sequel;
pub(crate) mod connect_schedule;
pub(crate) mod connect_failure;
pub(crate) mod connector;
pub(crate) mod source;
pub(crate) mod handle;

use crate::client::backoff::Backoff;
use crate::client::connector::{Connector, ConnectorOptions};
use crate::client::handle::ClientHandle;
use crate::client::source::ClientSource;
use crate::connection::options::ConnectionOptions;
use crate::connection::service::Service;
use crate::connection::service_handle::ServiceHandle;
use crate::connection::set::ConnectionSet;
use crate::connection::table::ConnectionTable;
use crate::driver::address::Address;
use crate::error::{Error, Result};
use crate::event_loop::EventLoop;
use crate::event_loop::mailbox::Mailbox;
use crate::event_loop::timer_queue::PERIOD_MIN;
use crate::server::population::Population;
use crate::tls::Tls;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use std::{fmt, io};

/// A client of one server, which may have several addresses: makes a connection, and another one
/// when it is lost, if so asked. What may be asked of it is in [`ClientHandle`].
///
/// Any thread may have it and drop it, at any time: before its loop runs or after it ended, while
/// it connects, in a callback of its own service. Dropping never waits. It gives up connecting
/// and ends the connection without grace: `on_stop`, then `on_closed`, and the service is dropped
/// on its loop's thread.
///
/// A whole program is on the [front page](crate#a-client).
#[must_use = "a client ends when it is dropped"]
pub struct TcpClient<Post> {
    handle: ClientHandle<Post>,
}

/// How to make a [`TcpClient`]; made by [`TcpClient::builder`].
#[derive(Debug)]
#[must_use = "a builder does nothing until it starts a client"]
pub struct TcpClientBuilder {
    addresses: Vec<Address>,
    connect_timeout: Duration,
    first_delay: Duration,
    max_delay: Duration,
    attempts_max: u32,
    retry: bool,
    local_address: Option<SocketAddr>,
    tls: Option<Tls>,
    connection_options: ConnectionOptions,
}

impl TcpClient<Infallible> {
    /// A client of a server with these addresses, which are tried in turn.
    ///
    /// Names are not resolved, for that blocks: resolve them on a thread of your own (std's
    /// `ToSocketAddrs` does it), and again whenever you like
    /// ([`ClientHandle::set_addresses`]).
    ///
    /// Defaults: 10 s for an attempt; delays from 500 ms to 30 s, muduo's; attempts without end;
    /// no retry after a connection was lost.
    pub fn builder(addresses: impl Into<Vec<SocketAddr>>) -> TcpClientBuilder {
        TcpClientBuilder::new(addresses.into().into_iter().map(Address::from).collect())
    }

    /// A client of a server on a Unix socket of that name; otherwise as [`TcpClient::builder`].
    pub fn unix(path: impl Into<PathBuf>) -> TcpClientBuilder {
        TcpClientBuilder::new(vec![path.into().into()])
    }
}

impl TcpClientBuilder {
    fn new(addresses: Vec<Address>) -> Self {
        Self {
            addresses,
            connect_timeout: Duration::from_secs(10),
            first_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(30),
            attempts_max: u32::MAX,
            retry: false,
            local_address: None,
            tls: None,
            connection_options: ConnectionOptions::default(),
        }
    }

    /// How long one address may take to answer. Above 0.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The pause after all addresses have failed: `first`, at least 1 ms, then doubled each time up
    /// to `max`, and each shortened at random by up to half, so that many clients do not come at
    /// once. It also follows a loss, if that is made good; a connection that lasted `max` sets it
    /// back to `first`.
    pub fn backoff(mut self, first: Duration, max: Duration) -> Self {
        self.first_delay = first;
        self.max_delay = max;
        self
    }

    /// Failures in a row, those of all addresses together, after which it gives up until the next
    /// [`ClientHandle::connect`]. Above 0.
    pub fn max_attempts(mut self, count: u32) -> Self {
        self.attempts_max = count;
        self
    }

    /// Whether to connect again after an established connection is lost, whoever ended it. What
    /// ends by [`ClientHandle::disconnect`] is not lost.
    pub fn enable_retry(mut self, on: bool) -> Self {
        self.retry = on;
        self
    }

    /// The address of this side; port 0 lets the system choose one. Unset, it chooses both.
    pub fn local_address(mut self, address: SocketAddr) -> Self {
        self.local_address = Some(address);
        self
    }

    /// Has the connection begin with TLS, with a server that shows a certificate for `name`:
    /// `on_connected` is called when it is agreed on. If it cannot be, `on_connect_failed` says why, and
    /// it is tried again as after any failure.
    #[cfg(feature = "tls")]
    pub fn tls(
        mut self,
        config: Arc<rustls::ClientConfig>,
        name: rustls::pki_types::ServerName<'static>,
    ) -> Self {
        self.tls = Some(Tls::Client(config, name));
        self
    }

    /// Limits and socket options of the connection, as for a server.
    pub fn connection_options(mut self, options: ConnectionOptions) -> Self {
        self.connection_options = options;
        self
    }

    /// Puts the client on `event_loop`; it connects when [`ClientHandle::connect`] is called.
    /// `factory` makes its service, now and on this thread, and gets the handle of the client.
    ///
    /// For the loop of another thread, do this in a task of
    /// [`LoopHandle::run_in_loop`](crate::LoopHandle::run_in_loop). A loop has room for 4,095
    /// servers and clients, and looks at each of them every turn.
    ///
    /// # Errors
    /// `InvalidInput` if there is no address, or times, counts or connection options make no sense;
    /// otherwise if the loop is full.
    pub fn start<S: Service>(
        self,
        event_loop: &mut EventLoop,
        factory: impl FnOnce(ClientHandle<S::Post>) -> S,
    ) -> Result<TcpClient<S::Post>> {
        self.check().map_err(|error| Error::new("use", "the client's options", error))?;
        let options = ConnectorOptions {
            connect_timeout: self.connect_timeout,
            backoff: Backoff::new(self.first_delay, self.max_delay),
            attempts_max: self.attempts_max,
            retry: self.retry,
            local_address: self.local_address,
        };
        let signal = event_loop.handle().shared.signal.clone();
        let handle = ClientHandle {
            commands: Arc::new(Mailbox::new(signal.clone())),
            service: ServiceHandle { mailbox: Arc::new(Mailbox::new(signal)) },
            population: Arc::new(Population::default()),
        };
        let service = factory(handle.clone());
        let ClientHandle { commands, service: ServiceHandle { mailbox }, population } =
            handle.clone();
        event_loop
            .install(move |core, id| {
                core.shared.services.enter::<S, _>(id.index, &mailbox);
                let connection_options = self.connection_options;
                let connector =
                    Connector::new(id, self.addresses, options, connection_options.clone());
                let table = ConnectionTable::new(
                    id,
                    0,
                    connection_options,
                    self.tls,
                    mailbox.clone(),
                    population.clone(),
                );
                // Nobody waits for the end of a client.
                let (alive, _) = mpsc::channel();
                let set = ConnectionSet::new(service, table, mailbox, alive);
                Ok(Box::new(ClientSource::new(set, connector, commands, population)))
            })
            .map_err(|error| Error::new("install", "a client", error))?;
        Ok(TcpClient { handle })
    }

    fn check(&self) -> io::Result<()> {
        let invalid = |what| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        if self.addresses.is_empty() {
            return invalid("a client needs an address");
        }
        if self.connect_timeout.is_zero() || self.attempts_max == 0 {
            return invalid("connect_timeout and max_attempts must not be 0");
        }
        if self.first_delay < PERIOD_MIN || self.first_delay > self.max_delay {
            return invalid("the first delay must be from 1 ms to the longest");
        }
        self.connection_options.check()
    }
}

impl<Post> TcpClient<Post> {
    /// A remote that does not keep the client.
    pub fn handle(&self) -> ClientHandle<Post> {
        self.handle.clone()
    }
}

/// What can be asked of a client.
impl<Post> Deref for TcpClient<Post> {
    type Target = ClientHandle<Post>;

    fn deref(&self) -> &Self::Target {
        &self.handle
    }
}

impl<Post> Drop for TcpClient<Post> {
    fn drop(&mut self) {
        self.handle.stop();
        self.handle.service.stop(Duration::ZERO);
    }
}

impl<Post> fmt::Debug for TcpClient<Post> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("TcpClient").field(&self.handle).finish()
    }
}
