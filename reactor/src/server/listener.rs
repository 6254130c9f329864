//! A listening socket that any thread can stop.

use crate::connection::options::ConnectionOptions;
use crate::driver::address::Address;
use crate::driver::listening::ListeningSocket;
use crate::driver::poller::Poller;
use crate::driver::socket::ListenOptions;
use crate::driver::stream::Stream;
use crate::event_loop::source::SourceId;
use crate::event_loop::token::Key;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

/// Shared by the acceptor and its server.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: ListeningSocket,
    address: Address,
    stopped: AtomicBool,
}

impl Listener {
    /// Listens on `address`, for the loop of `poller`.
    pub(crate) fn bind(
        poller: &Poller,
        address: &Address,
        listening: &ListenOptions,
        options: &ConnectionOptions,
    ) -> io::Result<Self> {
        let socket = poller.listen(address, listening, options)?;
        let address = socket.local_addr()?;
        Ok(Self::of_socket(socket, address))
    }

    pub(crate) fn of_socket(socket: ListeningSocket, address: Address) -> Self {
        Self { socket, address, stopped: AtomicBool::new(false) }
    }

    /// Has `poller` watch for connections, and tell `acceptor` of them.
    pub(crate) fn watch(&self, poller: &Poller, acceptor: SourceId) -> io::Result<()> {
        let key = Key { slot: 0, generation: acceptor.generation };
        poller.watch_listener(&self.socket, acceptor.index, key)
    }

    /// Any thread: refuses connections from now on, those waiting in the backlog too. The hang-up
    /// wakes the acceptor, which then goes.
    pub(crate) fn stop(&self) {
        if self.stopped.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Err(error) = self.socket.stop() {
            log::warn!("cannot stop listening on {}: {error}", self.address);
        }
        if let Some(path) = self.address.path()
            && let Err(error) = std::fs::remove_file(path)
        {
            log::warn!("cannot remove {}: {error}", path.display());
        }
    }

    pub(crate) fn accept(&self) -> io::Result<(Stream, Address)> {
        self.socket.accept()
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }
}
