//! A listening socket: of the system, over TCP or Unix, or of a simulation.

use crate::driver::address::Address;
#[cfg(feature = "simulation")]
use crate::driver::simulation::SimulatedListener;
use crate::driver::socket;
use crate::driver::stream::Stream;
use rustix::net::{SocketFlags, acceptfrom_with};
use socket2::Socket;
use std::io;
use std::net::Shutdown;

/// Never blocks, as [`Stream`].
#[derive(Debug)]
pub(crate) enum ListeningSocket {
    System(Socket),
    #[cfg(feature = "simulation")]
    Simulated(SimulatedListener),
}

impl ListeningSocket {
    /// The next connection that waits, and its peer.
    pub(crate) fn accept(&self) -> io::Result<(Stream, Address)> {
        match self {
            Self::System(listener) => {
                let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
                let (accepted, peer) = acceptfrom_with(listener, flags)?;
                let peer = peer.map_or(Ok(Address::Unnamed), socket::peer_address)?;
                Ok((Stream::System(accepted.into()), peer))
            }
            #[cfg(feature = "simulation")]
            Self::Simulated(listener) => listener.accept(),
        }
    }

    /// Stops listening without closing the descriptor: waiting and later clients are refused, and
    /// the hang-up is told to whoever watches the socket.
    pub(crate) fn stop(&self) -> io::Result<()> {
        match self {
            Self::System(listener) => listener.shutdown(Shutdown::Both),
            #[cfg(feature = "simulation")]
            Self::Simulated(listener) => {
                listener.stop();
                Ok(())
            }
        }
    }

    /// Where it listens.
    pub(crate) fn local_addr(&self) -> io::Result<Address> {
        match self {
            Self::System(listener) => socket::address(&listener.local_addr()?),
            #[cfg(feature = "simulation")]
            Self::Simulated(listener) => Ok(listener.local_addr()),
        }
    }
}
