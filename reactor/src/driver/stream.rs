//! A connected stream socket: of the system, over TCP or Unix, or of a simulation.

use crate::driver::address::Address;
#[cfg(feature = "simulation")]
use crate::driver::simulation::SimulatedStream;
use crate::driver::socket;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, send, sendmsg};
use socket2::Socket;
use std::io::{self, IoSlice};
use std::net::Shutdown;

/// Never blocks: what cannot be done at once fails with `WouldBlock`.
#[derive(Debug)]
pub(crate) enum Stream {
    System(Socket),
    #[cfg(feature = "simulation")]
    Simulated(SimulatedStream),
}

impl Stream {
    /// Reads up to `space.len()` bytes; 0 is the end of the stream.
    pub(crate) fn read(&self, space: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::System(socket) => Ok(recv(socket, space, RecvFlags::empty())?.0),
            #[cfg(feature = "simulation")]
            Self::Simulated(stream) => stream.read(space),
        }
    }

    /// Writes a part of `bytes`. A broken connection is an error and never a signal: a loop may be
    /// embedded in a program that does not ignore SIGPIPE.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::System(socket) => Ok(send(socket, bytes, SendFlags::NOSIGNAL)?),
            #[cfg(feature = "simulation")]
            Self::Simulated(stream) => stream.write(bytes),
        }
    }

    /// Writes a part of `slices`, one after the other, in one call.
    pub(crate) fn write_gathered(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::System(socket) => {
                let mut control = SendAncillaryBuffer::default();
                Ok(sendmsg(socket, slices, &mut control, SendFlags::NOSIGNAL)?)
            }
            #[cfg(feature = "simulation")]
            Self::Simulated(stream) => stream.write_gathered(slices),
        }
    }

    /// Sends the end of stream.
    pub(crate) fn shutdown_write(&self) -> io::Result<()> {
        match self {
            Self::System(socket) => socket.shutdown(Shutdown::Write),
            #[cfg(feature = "simulation")]
            Self::Simulated(stream) => stream.shutdown_write(),
        }
    }

    /// Takes the error that waits on the socket, if there is one.
    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        match self {
            Self::System(socket) => socket.take_error(),
            #[cfg(feature = "simulation")]
            Self::Simulated(stream) => Ok(stream.take_error()),
        }
    }

    /// The peer's address; `NotConnected` while it is on its way there.
    pub(crate) fn peer_addr(&self) -> io::Result<Address> {
        match self {
            Self::System(stream) => socket::address(&stream.peer_addr()?),
            #[cfg(feature = "simulation")]
            Self::Simulated(stream) => stream.peer_addr(),
        }
    }

    pub(crate) fn local_addr(&self) -> io::Result<Address> {
        match self {
            Self::System(stream) => socket::address(&stream.local_addr()?),
            #[cfg(feature = "simulation")]
            Self::Simulated(stream) => Ok(stream.local_addr()),
        }
    }

    pub(crate) fn is_tcp_no_delay(&self) -> io::Result<bool> {
        match self {
            Self::System(stream) if stream.local_addr()?.is_unix() => Ok(true),
            Self::System(stream) => stream.tcp_nodelay(),
            #[cfg(feature = "simulation")]
            Self::Simulated(_) => Ok(true),
        }
    }

    /// Without effect on a Unix socket, which never waits for more.
    pub(crate) fn set_tcp_no_delay(&self, on: bool) -> io::Result<()> {
        match self {
            Self::System(stream) if stream.local_addr()?.is_unix() => Ok(()),
            Self::System(stream) => stream.set_tcp_nodelay(on),
            #[cfg(feature = "simulation")]
            Self::Simulated(_) => Ok(()),
        }
    }
}
