//! A UDP socket on a loop, as a server or as a client.

pub(crate) mod service;
pub(crate) mod socket;
pub(crate) mod source;

use crate::datagram::service::DatagramService;
use crate::datagram::socket::DatagramSocket;
use crate::datagram::source::{DatagramLetter, DatagramSource};
use crate::error::{Closed, Error, Result};
use crate::event_loop::EventLoop;
use crate::event_loop::mailbox::Mailbox;
use crate::event_loop::token::Key;
use bytes::Bytes;
use mio::Interest;
use socket2::{Domain, Protocol, Socket, Type};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::{fmt, io};

/// Any thread. A UDP socket that a loop serves. Dropping it, at any time, ends it.
///
/// ```
/// use reactor::{DatagramService, EventLoop, UdpServer, UdpSocket};
/// use std::net::SocketAddr;
///
/// struct Echo;
///
/// impl DatagramService for Echo {
///     type Post = ();
///
///     fn on_datagram(&mut self, socket: &mut UdpSocket<'_>, from: SocketAddr, bytes: &[u8]) {
///         if let Err(error) = socket.send_to(from, bytes) {
///             eprintln!("cannot answer {from}: {error}");
///         }
///     }
/// }
///
/// let mut event_loop = EventLoop::new()?;
/// let address = SocketAddr::from(([127, 0, 0, 1], 0));
/// let server = UdpServer::builder(address).start(&mut event_loop, |_local| Echo)?;
/// # let client = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// # client.send_to(b"hello", server.local_addr())?;
/// event_loop.run_once(None)?;
/// # assert_eq!(client.recv_from(&mut [0; 9])?.0, 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a server ends when it is dropped"]
pub struct UdpServer<Post> {
    mailbox: Arc<Mailbox<DatagramLetter<Post>>>,
    local: SocketAddr,
}

/// How to start a [`UdpServer`]; made by [`UdpServer::builder`].
#[derive(Debug)]
#[must_use = "a builder does nothing until it starts a server"]
pub struct UdpServerBuilder {
    address: SocketAddr,
    reuse_port: bool,
    broadcast: bool,
    only_ipv6: bool,
    queue_bytes_max: usize,
}

impl UdpServer<Infallible> {
    /// A socket at `address`; port 0 lets the system choose one.
    pub fn builder(address: SocketAddr) -> UdpServerBuilder {
        UdpServerBuilder {
            address,
            reuse_port: false,
            broadcast: false,
            only_ipv6: false,
            queue_bytes_max: 1 << 20,
        }
    }
}

impl UdpServerBuilder {
    /// Lets other sockets have the same address, among which the kernel deals datagrams by sender
    /// (SO_REUSEPORT): one for each loop, for example.
    pub fn reuse_port(mut self, on: bool) -> Self {
        self.reuse_port = on;
        self
    }

    /// Allows sending to broadcast addresses.
    pub fn broadcast(mut self, on: bool) -> Self {
        self.broadcast = on;
        self
    }

    /// Whether a socket on an IPv6 address takes IPv6 alone. Default false, Linux's.
    pub fn only_ipv6(mut self, on: bool) -> Self {
        self.only_ipv6 = on;
        self
    }

    /// Bytes that may wait for the kernel; what is sent beyond them is dropped. Default 1 MiB.
    pub fn queue_bytes_max(mut self, count: usize) -> Self {
        self.queue_bytes_max = count;
        self
    }

    /// Puts the socket on `event_loop`. `factory` makes its service, now and on this thread, and gets
    /// the address that the socket has.
    ///
    /// # Errors
    /// If the address cannot be had, or the loop is full or simulated.
    pub fn start<S: DatagramService>(
        self,
        event_loop: &mut EventLoop,
        factory: impl FnOnce(SocketAddr) -> S,
    ) -> Result<UdpServer<S::Post>> {
        let failed = |error| Error::new("receive on", self.address, error);
        let socket = self.bind().map_err(failed)?;
        let local = socket.local_addr().map_err(failed)?;
        let local = local.as_socket().ok_or_else(|| failed(io::ErrorKind::Unsupported.into()))?;
        let service = factory(local);
        let mailbox = Arc::new(Mailbox::new(event_loop.core.shared.signal.clone()));
        let server = UdpServer { mailbox: mailbox.clone(), local };
        event_loop
            .install(|core, id| {
                core.shared.services.enter::<S, _>(id.index, &mailbox);
                let key = Key { slot: 0, generation: id.generation };
                let interest = Interest::READABLE | Interest::WRITABLE;
                core.poller.watch_descriptor(socket.as_raw_fd(), id.index, key, interest)?;
                let socket = DatagramSocket::new(socket, local, self.queue_bytes_max);
                Ok(Box::new(DatagramSource::new(id, service, socket, mailbox)))
            })
            .map_err(failed)?;
        Ok(server)
    }

    fn bind(&self) -> io::Result<Socket> {
        let domain = Domain::for_address(self.address);
        let socket = Socket::new(domain, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
        socket.set_reuse_port(self.reuse_port)?;
        socket.set_broadcast(self.broadcast)?;
        if self.address.is_ipv6() {
            socket.set_only_v6(self.only_ipv6)?;
        }
        socket.bind(&self.address.into())?;
        Ok(socket)
    }
}

impl<Post: Send + 'static> UdpServer<Post> {
    /// Has [`DatagramService::on_post`] called with `post`.
    ///
    /// # Errors
    /// If the loop has ended.
    pub fn post(&self, post: Post) -> Result<(), Closed> {
        self.mailbox.push(DatagramLetter::Post(post))
    }
}

impl<Post> UdpServer<Post> {
    /// Sends a datagram from the loop's thread, as [`UdpSocket::send_to`](crate::UdpSocket::send_to);
    /// an error is told to the service.
    pub fn send_to(&self, to: SocketAddr, bytes: impl Into<Bytes>) {
        // If the loop has ended, nothing is sent any more.
        let _ended = self.mailbox.push(DatagramLetter::Send(to, bytes.into()));
    }

    /// The address of the socket, with the port that the system chose.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }
}

impl<Post> Drop for UdpServer<Post> {
    fn drop(&mut self) {
        let _ended = self.mailbox.push(DatagramLetter::Stop);
    }
}

impl<Post> fmt::Debug for UdpServer<Post> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("UdpServer").field("local_addr", &self.local).finish()
    }
}
