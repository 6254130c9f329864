//! Socket calls that std and mio leave out, with the reason for each option.

use crate::options::ConnectionOptions;
use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::ffi::c_int;
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

/// `MSG_NOSIGNAL` of Linux on all architectures: a write to a broken connection is an error,
/// not the end of the process. Rust programs ignore SIGPIPE, but a loop may be embedded in others.
const MSG_NOSIGNAL: c_int = 0x4000;

/// Time between keep-alive probes, Linux's default; shorter when connections idle for less.
const PROBE_INTERVAL_MAX: Duration = Duration::from_secs(75);
/// Unanswered probes that end a connection.
const PROBES: u32 = 6;

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
        // The kernel counts whole seconds, and refuses none.
        let idle = idle.max(Duration::from_secs(1));
        let interval = (idle / 3).clamp(Duration::from_secs(1), PROBE_INTERVAL_MAX);
        let probes = TcpKeepalive::new().with_time(idle).with_interval(interval);
        socket.set_tcp_keepalive(&probes.with_retries(PROBES))?;
    }
    if options.user_timeout.is_some() {
        socket.set_tcp_user_timeout(options.user_timeout)?;
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
