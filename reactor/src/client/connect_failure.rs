//! Why a client did not get a connection.

use crate::client::connect_schedule::Obstacle;
use crate::connection::id::ConnectionId;
use crate::driver::address::Address;
use std::time::Instant;
use std::{fmt, io};

/// An attempt to connect that failed, of a [`TcpClient`](crate::TcpClient) or of
/// [`Connections::connect`](crate::Connections::connect), for
/// [`Service::on_connect_failed`](crate::Service::on_connect_failed).
#[derive(Debug)]
#[non_exhaustive]
pub struct ConnectFailure {
    /// What [`Connections::connect`](crate::Connections::connect) returned; `None` for a client.
    pub connection: Option<ConnectionId>,
    /// The address that was tried.
    pub address: Address,
    /// What the system said; `TimedOut` also if `connect_timeout` passed, and `ConnectionRefused`
    /// also if nobody listened and the system connected the socket to itself.
    pub error: io::Error,
    /// Which failure this is since `connect` was asked or a connection was lost, from 1.
    pub attempt: u32,
    /// When the next attempt begins unless it is stopped, this turn's time for at once; `None` if
    /// `max_attempts` are used up, or the service opens its connections itself.
    pub next_attempt: Option<Instant>,
}

impl fmt::Display for ConnectFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "cannot connect to {}: {}", self.address, self.error)
    }
}

impl std::error::Error for ConnectFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

// Linux's numbers, see socket(2) and connect(2).
const ENOMEM: i32 = 12;
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
const ENOSPC: i32 = 28;
const ENOBUFS: i32 = 105;

/// Whether another address may do better. No error ends the attempts: what muduo takes for fatal,
/// such as a firewall's EPERM, may be mended while the client waits, or be one address's alone.
pub(crate) fn classify(error: &io::Error) -> Obstacle {
    match error.raw_os_error() {
        Some(EMFILE | ENFILE | ENOBUFS | ENOMEM | ENOSPC) => Obstacle::Shortage,
        _ => Obstacle::Address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn shortages_are_told_from_bad_addresses() {
        let shortages = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM, Errno::NOSPC];
        for errno in shortages {
            let error = io::Error::from_raw_os_error(errno.raw_os_error());
            assert_eq!(classify(&error), Obstacle::Shortage, "{errno:?}");
        }
        let others =
            [Errno::CONNREFUSED, Errno::ADDRNOTAVAIL, Errno::NETUNREACH, Errno::PERM, Errno::AGAIN];
        for errno in others {
            let error = io::Error::from_raw_os_error(errno.raw_os_error());
            assert_eq!(classify(&error), Obstacle::Address, "{errno:?}");
        }
        assert_eq!(classify(&io::ErrorKind::TimedOut.into()), Obstacle::Address);
    }

    #[test]
    fn display_names_address_and_cause() {
        let failure = ConnectFailure {
            connection: None,
            address: Address::from(std::net::SocketAddr::from(([127, 0, 0, 1], 80))),
            error: io::ErrorKind::TimedOut.into(),
            attempt: 1,
            next_attempt: None,
        };
        assert_eq!(failure.to_string(), "cannot connect to 127.0.0.1:80: timed out");
    }
}
