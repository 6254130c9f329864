//! Many connections from this process to one server.

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};

/// Connections from one source address: few of its 28,000 ports, so that one is found at once, even
/// while those of earlier connections are still kept from being used again.
const PORTS: u32 = 2000;
/// Source addresses between those of two processes.
const ADDRESSES: u32 = 64;
/// Connections of this process so far.
static CONNECTED: AtomicU32 = AtomicU32::new(0);

/// Descriptors that are used for other things.
const RESERVED: u64 = 200;

/// `count` connections.
pub(crate) fn connect(server: SocketAddr, count: usize) -> io::Result<Vec<TcpStream>> {
    (0..count).map(|_| connect_one(server)).collect()
}

/// `count` connections to one that echoes and has taken them all in.
pub(crate) fn connect_to_echo(server: SocketAddr, count: usize) -> io::Result<Vec<TcpStream>> {
    let streams = connect(server, count)?;
    // A server accepts them in order.
    if let Some(mut last) = streams.last() {
        last.write_all(b"x")?;
        last.read_exact(&mut [0])?;
    }
    Ok(streams)
}

/// How many connections this process and one that it starts may have, up to `wanted`.
pub(crate) fn size_allowed(wanted: usize) -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // What is refused leaves the limit as it was.
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let limit = if raised.is_ok() { maximum } else { current };
    let allowed = limit.unwrap_or(u64::MAX).saturating_sub(RESERVED);
    wanted.min(usize::try_from(allowed).unwrap_or(usize::MAX))
}

/// A connection that is being made; what is written waits until it is. Does not wait itself.
pub(crate) fn begin_connect(server: SocketAddr) -> io::Result<TcpStream> {
    let socket = if server.ip().is_loopback() && server.is_ipv4() {
        next_socket(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?
    } else {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        net::socket_with(
            if server.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 },
            SocketType::STREAM,
            flags,
            None,
        )?
    };
    match net::connect(&socket, &server) {
        Ok(()) | Err(Errno::INPROGRESS) => {}
        Err(error) => return Err(error.into()),
    }
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn connect_one(server: SocketAddr) -> io::Result<TcpStream> {
    let socket = next_socket(SocketFlags::CLOEXEC)?;
    net::connect(&socket, &server)?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A socket with the source address that is next.
fn next_socket(flags: SocketFlags) -> io::Result<OwnedFd> {
    let socket = net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    let number = CONNECTED.fetch_add(1, Ordering::Relaxed);
    // All of 127.0.0.0/8 is this machine; another process has other addresses.
    let of_process = std::process::id() % (1 << 16) * ADDRESSES;
    let source = u32::from(Ipv4Addr::new(127, 1, 0, 0)) + of_process + number / PORTS;
    net::bind(&socket, &SocketAddrV4::new(source.into(), 0))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bare_epoll;

    #[test]
    fn a_crowd_is_taken_in() {
        let crowd = connect_to_echo(bare_epoll::start(), 5).unwrap();
        for mut client in &crowd {
            client.write_all(b"y").unwrap();
            client.read_exact(&mut [0]).unwrap();
            assert!(client.local_addr().unwrap().ip().is_loopback());
        }
        assert_eq!(crowd.len(), 5);
    }

    #[test]
    fn there_are_never_more_than_wanted() {
        assert_eq!(size_allowed(10), 10);
        assert!(size_allowed(usize::MAX) > 10);
    }
}
