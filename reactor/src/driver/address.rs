//! Where a socket is, or its peer.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The address of a stream socket, of the internet or of this host's file system.
///
/// ```
/// use reactor::Address;
/// use std::net::SocketAddr;
///
/// let web = Address::from(SocketAddr::from(([127, 0, 0, 1], 80)));
/// assert_eq!(web.to_string(), "127.0.0.1:80");
/// let local = Address::from(std::path::Path::new("/run/echo.sock"));
/// assert_eq!(local.to_string(), "unix:/run/echo.sock");
/// assert_eq!(local.socket_addr(), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// TCP over IPv4 or IPv6.
    Internet(SocketAddr),
    /// A Unix socket with a name in the file system.
    Unix(Arc<Path>),
    /// A Unix socket without a name, as those that connect to one with a name mostly are.
    Unnamed,
}

impl Address {
    /// The internet address and port, if it is one.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Internet(address) => Some(*address),
            Self::Unix(_) | Self::Unnamed => None,
        }
    }

    /// The internet address and port; for a Unix socket, which has none, `0.0.0.0:0`.
    pub fn socket_addr_or_unspecified(&self) -> SocketAddr {
        const UNSPECIFIED: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        self.socket_addr().unwrap_or(UNSPECIFIED)
    }

    /// The path of a Unix socket with a name.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Unix(path) => Some(path),
            Self::Internet(_) | Self::Unnamed => None,
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Internet(address)
    }
}

impl From<&Path> for Address {
    fn from(path: &Path) -> Self {
        Self::Unix(path.into())
    }
}

impl From<PathBuf> for Address {
    fn from(path: PathBuf) -> Self {
        Self::Unix(path.into())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Internet(address) => address.fmt(formatter),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
            Self::Unnamed => formatter.write_str("unix:unnamed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_small() {
        assert_eq!(size_of::<Address>(), size_of::<SocketAddr>());
    }

    #[test]
    fn a_unix_address_is_no_internet_address() {
        let address = SocketAddr::from(([127, 0, 0, 1], 7));
        assert_eq!(Address::from(address).socket_addr_or_unspecified(), address);
        assert_eq!(Address::Unnamed.socket_addr_or_unspecified().port(), 0);
    }
}
