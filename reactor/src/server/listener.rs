//! A listening socket that any thread can stop.

use crate::connection::options::ConnectionOptions;
use crate::driver::poller::Poller;
use crate::driver::socket;
use crate::event_loop::token::Key;
use mio::net::{TcpListener, TcpStream};
use std::ffi::c_int;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

/// Shared by the acceptor and its server.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    stopped: AtomicBool,
}

impl Listener {
    /// Listens on `address`.
    pub(crate) fn bind(
        address: SocketAddr,
        backlog: c_int,
        reuse_port: bool,
        options: &ConnectionOptions,
    ) -> io::Result<Self> {
        let socket = socket::listen(address, backlog, reuse_port, options)?;
        let address = socket.local_addr()?;
        Ok(Self::of_socket(socket, address))
    }

    pub(crate) fn of_socket(socket: TcpListener, address: SocketAddr) -> Self {
        Self { socket, address, stopped: AtomicBool::new(false) }
    }

    /// Has `poller` watch for connections.
    pub(crate) fn watch(&mut self, poller: &Poller, source: u16, key: Key) -> io::Result<()> {
        poller.watch_listener(&mut self.socket, source, key)
    }

    /// Any thread: refuses connections from now on, those waiting in the backlog too. The hang-up
    /// wakes the acceptor, which then goes.
    pub(crate) fn stop(&self) {
        if !self.stopped.swap(true, Ordering::AcqRel)
            && let Err(error) = socket::stop_listening(&self.socket)
        {
            log::warn!("cannot stop listening on {}: {error}", self.address);
        }
    }

    pub(crate) fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.socket.accept()
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}
