//! What a loop of a simulation waits with.

use super::clock::VirtualClock;
use super::network::{Network, Watch};
use super::stream::{SimulatedListener, SimulatedStream};
use crate::driver::address::Address;
use crate::driver::channel::Readiness;
use crate::driver::clock::Clock;
use parking_lot::Mutex;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// One of the pollers of a network.
#[derive(Debug)]
pub(crate) struct SimulatedPoller {
    network: Arc<Mutex<Network>>,
    number: usize,
    clock: VirtualClock,
}

/// Ends the wait of a simulated poller.
#[derive(Debug)]
pub(crate) struct SimulatedAlarm {
    network: Arc<Mutex<Network>>,
    number: usize,
}

impl SimulatedAlarm {
    pub(crate) fn ring(&self) {
        self.network.lock().ring(self.number);
    }
}

impl SimulatedPoller {
    pub(super) fn new(network: Arc<Mutex<Network>>) -> Self {
        let (number, clock) = {
            let mut network = network.lock();
            (network.add_poller(), network.clock.clone())
        };
        Self { network, number, clock }
    }

    pub(crate) fn alarm(&self) -> SimulatedAlarm {
        SimulatedAlarm { network: self.network.clone(), number: self.number }
    }

    pub(crate) fn clock(&self) -> Clock {
        Clock::Virtual(self.clock.clone())
    }

    pub(crate) fn listen(&self, address: &Address) -> io::Result<SimulatedListener> {
        let address = self.network.lock().listen(internet(address)?)?;
        Ok(SimulatedListener::new(self.network.clone(), address))
    }

    pub(crate) fn connect(&self, address: &Address) -> io::Result<SimulatedStream> {
        let socket = self.network.lock().connect(internet(address)?);
        Ok(SimulatedStream::new(self.network.clone(), socket))
    }

    pub(crate) fn watch(&self, stream: &SimulatedStream, token: u64) {
        stream.watch(Some(Watch { poller: self.number, token }));
    }

    pub(crate) fn watch_listener(&self, listener: &SimulatedListener, token: u64) {
        listener.watch(Watch { poller: self.number, token });
    }

    pub(crate) fn unwatch(&self, stream: &SimulatedStream) {
        stream.watch(None);
    }

    /// Lets time pass until something happens to a socket of this poller, or `timeout` is over; not
    /// at all for ever, for nobody would end that.
    pub(crate) fn wait(&self, events: &mut Vec<(u64, Readiness)>, timeout: Option<Duration>) {
        let mut network = self.network.lock();
        network.pass_time();
        let deadline = timeout.map(|timeout| self.clock.elapsed() + timeout);
        loop {
            network.proceed();
            if network.has_ready(self.number) {
                break;
            }
            let next = match (network.next_event(), deadline) {
                (Some(event), Some(deadline)) => event.min(deadline),
                (Some(event), None) => event,
                (None, Some(deadline)) => deadline,
                (None, None) => break,
            };
            if deadline.is_some_and(|deadline| self.clock.elapsed() >= deadline) {
                break;
            }
            self.clock.advance_to(next);
        }
        network.take_events(self.number, events);
    }
}

fn internet(address: &Address) -> io::Result<SocketAddr> {
    address.socket_addr().ok_or_else(|| io::ErrorKind::Unsupported.into())
}
