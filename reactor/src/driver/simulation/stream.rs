//! The ends of simulated connections as a loop sees them.

use super::network::{Network, Watch};
use crate::driver::address::Address;
use crate::driver::stream::Stream;
use parking_lot::Mutex;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::Arc;

/// Closed when dropped.
#[derive(Debug)]
pub(crate) struct SimulatedStream {
    network: Arc<Mutex<Network>>,
    socket: usize,
}

impl SimulatedStream {
    pub(super) fn new(network: Arc<Mutex<Network>>, socket: usize) -> Self {
        Self { network, socket }
    }

    pub(crate) fn read(&self, space: &mut [u8]) -> io::Result<usize> {
        self.network.lock().read(self.socket, space)
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.network.lock().write(self.socket, bytes)
    }

    pub(crate) fn write_gathered(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        self.write(&bytes)
    }

    pub(crate) fn shutdown_write(&self) -> io::Result<()> {
        self.network.lock().shut_down(self.socket)
    }

    pub(crate) fn take_error(&self) -> Option<io::Error> {
        self.network.lock().take_error(self.socket)
    }

    pub(crate) fn peer_addr(&self) -> io::Result<Address> {
        let network = self.network.lock();
        if network.is_connecting(self.socket) {
            return Err(io::ErrorKind::NotConnected.into());
        }
        Ok(network.socket(self.socket).remote.into())
    }

    pub(crate) fn local_addr(&self) -> Address {
        self.network.lock().socket(self.socket).local.into()
    }

    pub(super) fn is_open(&self) -> bool {
        self.network.lock().is_open(self.socket)
    }

    pub(super) fn reset(&self) {
        self.network.lock().reset(self.socket);
    }

    pub(super) fn watch(&self, watch: Option<Watch>) {
        self.network.lock().watch(self.socket, watch);
    }
}

impl Drop for SimulatedStream {
    fn drop(&mut self) {
        self.network.lock().close(self.socket);
    }
}

/// Stops listening when dropped.
#[derive(Debug)]
pub(crate) struct SimulatedListener {
    network: Arc<Mutex<Network>>,
    address: SocketAddr,
}

impl SimulatedListener {
    pub(super) fn new(network: Arc<Mutex<Network>>, address: SocketAddr) -> Self {
        Self { network, address }
    }

    pub(crate) fn accept(&self) -> io::Result<(Stream, Address)> {
        let (socket, peer) = self.network.lock().accept(self.address)?;
        let stream = SimulatedStream::new(self.network.clone(), socket);
        Ok((Stream::Simulated(stream), peer.into()))
    }

    pub(crate) fn stop(&self) {
        self.network.lock().stop_listening(self.address);
    }

    pub(crate) fn local_addr(&self) -> Address {
        self.address.into()
    }

    pub(super) fn watch(&self, watch: Watch) {
        self.network.lock().watch_listener(self.address, watch);
    }
}

impl Drop for SimulatedListener {
    fn drop(&mut self) {
        self.stop();
    }
}
