//! Makes sockets, with the reason for each option.

use crate::connection::options::ConnectionOptions;
use crate::driver::address::Address;
use rustix::net::SocketAddrAny;
use socket2::{Domain, Protocol, SockAddr, Socket, TcpKeepalive, Type};
use std::ffi::{OsStr, c_int};
use std::io;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// Linux's number, see connect(2).
const EINPROGRESS: i32 = 115;

/// Time between keep-alive probes, Linux's default; shorter when connections idle for less.
const PROBE_INTERVAL_MAX: Duration = Duration::from_secs(75);
/// Unanswered probes that end a connection.
const PROBES: u32 = 6;

/// What is chosen for a listening socket itself.
#[derive(Clone, Debug)]
pub(crate) struct ListenOptions {
    pub(crate) backlog: c_int,
    pub(crate) reuse_port: bool,
    pub(crate) only_ipv6: bool,
}

/// A listening socket.
///
/// The options for connections are set on the listener: Linux hands them to every socket it
/// accepts, which saves two system calls for each.
pub(crate) fn listen(
    address: &Address,
    listening: &ListenOptions,
    options: &ConnectionOptions,
) -> io::Result<Socket> {
    let socket = new_socket(address, options)?;
    match address {
        Address::Internet(address) => {
            // A restarted server must not wait for the connections of its predecessor to be
            // forgotten.
            socket.set_reuse_address(true)?;
            if listening.reuse_port {
                socket.set_reuse_port(true)?;
            }
            if address.is_ipv6() {
                socket.set_only_v6(listening.only_ipv6)?;
            }
            socket.bind(&(*address).into())?;
        }
        Address::Unix(path) => bind_unix(&socket, path)?,
        Address::Unnamed => return Err(io::ErrorKind::InvalidInput.into()),
    }
    socket.listen(listening.backlog)?;
    Ok(socket)
}

/// A socket on its way to `address`, from `local` if that is given; that it can be written to, or
/// has an error, tells the end of the way.
pub(crate) fn connect(
    address: &Address,
    local: Option<SocketAddr>,
    options: &ConnectionOptions,
) -> io::Result<Socket> {
    let socket = new_socket(address, options)?;
    if let Some(local) = local {
        // With a port of one's own, the connection before may still be remembered.
        socket.set_reuse_address(true)?;
        socket.bind(&local.into())?;
    }
    let target = match address {
        Address::Internet(address) => (*address).into(),
        Address::Unix(path) => SockAddr::unix(path)?,
        Address::Unnamed => return Err(io::ErrorKind::InvalidInput.into()),
    };
    match socket.connect(&target) {
        // Interrupted or not, the kernel goes on by itself: connect(2).
        Err(error)
            if !matches!(error.raw_os_error(), Some(EINPROGRESS))
                && error.kind() != io::ErrorKind::Interrupted =>
        {
            Err(error)
        }
        _ => Ok(socket),
    }
}

/// The address that the system has for a socket.
pub(crate) fn address(address: &SockAddr) -> io::Result<Address> {
    if let Some(address) = address.as_socket() {
        return Ok(Address::Internet(address));
    }
    if !address.is_unix() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    Ok(address.as_pathname().map_or(Address::Unnamed, Address::from))
}

/// As [`address`], for that of a peer which was accepted.
pub(crate) fn peer_address(address: SocketAddrAny) -> io::Result<Address> {
    if let Ok(address) = SocketAddr::try_from(address.clone()) {
        return Ok(Address::Internet(address));
    }
    let address = rustix::net::SocketAddrUnix::try_from(address)?;
    let path = address.path_bytes().filter(|bytes| !bytes.is_empty());
    Ok(path.map_or(Address::Unnamed, |bytes| Path::new(OsStr::from_bytes(bytes)).into()))
}

fn new_socket(address: &Address, options: &ConnectionOptions) -> io::Result<Socket> {
    let socket = match address {
        Address::Internet(address) => {
            let domain = Domain::for_address(*address);
            let socket = Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
            set_options(&socket, options)?;
            socket
        }
        Address::Unix(_) | Address::Unnamed => {
            Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?
        }
    };
    Ok(socket)
}

/// Binds to a path. A file left by a listener that was killed is taken away: nobody answers there.
fn bind_unix(socket: &Socket, path: &Path) -> io::Result<()> {
    let address = SockAddr::unix(path)?;
    match socket.bind(&address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_abandoned(&address) => {
            std::fs::remove_file(path)?;
            socket.bind(&address)
        }
        result => result,
    }
}

fn is_abandoned(address: &SockAddr) -> bool {
    let probe = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None);
    let result = probe.and_then(|probe| probe.connect(address));
    result.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
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
