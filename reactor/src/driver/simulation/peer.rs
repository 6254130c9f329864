//! The other end of a connection, in the hands of a test.

use super::network::Network;
use super::stream::SimulatedStream;
use parking_lot::Mutex;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

/// A socket that no loop has. Closed when dropped: with a reset if something is unread.
#[derive(Debug)]
pub struct SimulatedPeer {
    stream: SimulatedStream,
}

/// What a peer found when it looked for input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// These bytes; none if nothing has arrived, or the connection is not open yet.
    Bytes(Vec<u8>),
    /// The other side has ended its stream.
    End,
    /// The connection broke, or was refused.
    Broken(io::ErrorKind),
}

impl SimulatedPeer {
    pub(super) fn connect(network: Arc<Mutex<Network>>, address: SocketAddr) -> Self {
        let socket = network.lock().connect(address);
        Self { stream: SimulatedStream::new(network, socket) }
    }

    /// Sends as much of `bytes` as there is room for; returns how much. 0 also before the connection
    /// is open and after it broke, which [`SimulatedPeer::receive`] tells.
    pub fn send(&mut self, bytes: &[u8]) -> usize {
        self.stream.write(bytes).unwrap_or(0)
    }

    /// Takes what has arrived.
    pub fn receive(&mut self) -> Received {
        let mut space = [0; 4096];
        match self.stream.read(&mut space) {
            Ok(0) => Received::End,
            Ok(count) => Received::Bytes(space[..count].to_vec()),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected
                ) =>
            {
                Received::Bytes(Vec::new())
            }
            Err(error) => Received::Broken(error.kind()),
        }
    }

    /// Whether the connection has been established and not broken since.
    pub fn is_open(&self) -> bool {
        self.stream.is_open()
    }

    /// Ends the sending side; without effect before the connection is open.
    pub fn shutdown(&mut self) {
        // A connection that is not open has no side to end.
        let _not_open = self.stream.shutdown_write();
    }

    /// Breaks the connection.
    pub fn reset(&mut self) {
        self.stream.reset();
    }
}
