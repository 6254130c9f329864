//! A way into the cluster.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// Nodes believe whoever connects from loopback to be a proxy, since nginx does; who comes without
/// one says itself where it is.
const HEADER: &[u8] = b"PROXY TCP4 127.0.0.1 127.0.0.1 40000 8000\r\n";

/// Where to connect.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What the history calls it.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether a proxy in between says where the client is.
    pub behind_proxy: bool,
    /// Whether its connections may be made to die without a word.
    pub dies_in_silence: bool,
}

impl Entry {
    /// Connects, and begins as the entry wants it.
    pub fn connect(&self) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect_timeout(&self.address, CONNECT_WITHIN)?;
        stream.set_nodelay(true)?;
        if !self.behind_proxy {
            stream.write_all(HEADER)?;
        }
        Ok(stream)
    }
}
