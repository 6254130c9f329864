//! Socket calls that std and mio leave out, with the reason for each option.

use crate::options::ConnectionOptions;
use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::ffi::c_int;
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};

/// `MSG_NOSIGNAL` of Linux on all architectures: a write to a broken connection is an error,
/// not the end of the process. Rust programs ignore SIGPIPE, but a loop may be embedded in others.
const MSG_NOSIGNAL: c_int = 0x4000;

/// A listening socket.
///
/// The options for connections are set on the listener: Linux hands them to every socket it
/// accepts, which saves two system calls for each.
pub(crate) fn listen(
    address: SocketAddr,
    backlog: c_int,
    reuse_port: bool,
    options: &ConnectionOptions,
) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // A restarted server must not wait for the connections of its predecessor to be forgotten.
    socket.set_reuse_address(true)?;
    if reuse_port {
        socket.set_reuse_port(true)?;
    }
    socket.set_tcp_nodelay(options.tcp_no_delay)?;
    if let Some(idle) = options.keep_alive {
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(idle))?;
    }
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(TcpListener::from_std(socket.into()))
}

/// Stops listening without closing the descriptor: waiting and later clients are refused.
pub(crate) fn stop_listening(listener: &TcpListener) -> io::Result<()> {
    SockRef::from(listener).shutdown(Shutdown::Both)
}

/// Writes several pieces in one call; std's vectored write lacks `MSG_NOSIGNAL`.
pub(crate) fn send_gathered(stream: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    SockRef::from(stream).send_vectored_with_flags(slices, MSG_NOSIGNAL)
}
