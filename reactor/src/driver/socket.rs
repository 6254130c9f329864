//! Socket calls that std and mio leave out, with the reason for each option.

use crate::connection::options::ConnectionOptions;
use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::ffi::c_int;
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

/// `MSG_NOSIGNAL` of Linux on all architectures: a write to a broken connection is an error,
/// not the end of the process. Rust programs ignore SIGPIPE, but a loop may be embedded in others.
const MSG_NOSIGNAL: c_int = 0x4000;

/// Linux's number, see connect(2).
const EINPROGRESS: i32 = 115;

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
    set_options(&socket, options)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(TcpListener::from_std(socket.into()))
}

/// A socket on its way to `address`, from `local` if that is given; that it can be written to, or
/// has an error, tells the end of the way.
pub(crate) fn connect(
    address: SocketAddr,
    local: Option<SocketAddr>,
    options: &ConnectionOptions,
) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    set_options(&socket, options)?;
    if let Some(local) = local {
        // With a port of one's own, the connection before may still be remembered.
        socket.set_reuse_address(true)?;
        socket.bind(&local.into())?;
    }
    match socket.connect(&address.into()) {
        // Interrupted or not, the kernel goes on by itself: connect(2).
        Err(error)
            if !matches!(error.raw_os_error(), Some(EINPROGRESS))
                && error.kind() != io::ErrorKind::Interrupted =>
        {
            Err(error)
        }
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}

fn set_options(socket: &Socket, options: &ConnectionOptions) -> io::Result<()> {
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
    Ok(())
}

/// Stops listening without closing the descriptor: waiting and later clients are refused.
pub(crate) fn stop_listening(listener: &TcpListener) -> io::Result<()> {
    SockRef::from(listener).shutdown(Shutdown::Both)
}

/// Writes several pieces in one call; std's vectored write lacks `MSG_NOSIGNAL`.
pub(crate) fn send_gathered(stream: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    SockRef::from(stream).send_vectored_with_flags(slices, MSG_NOSIGNAL)
}
