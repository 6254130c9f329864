//! Sockets, a network and a clock that are in memory only and go by a seed.
//!
//! A loop of a [`Simulation`] is an ordinary [`EventLoop`], as are servers, clients and services on
//! it; what differs is what the poller waits for. Time passes when a loop waits, so an hour of
//! time-outs takes a moment, and the same seed gives the same run.

mod clock;
mod faults;
mod network;
mod peer;
mod pipe;
mod poller;
mod stream;

pub(crate) use clock::VirtualClock;
pub use faults::Faults;
pub use peer::{Received, SimulatedPeer};
pub(crate) use poller::{SimulatedAlarm, SimulatedPoller};
pub(crate) use stream::{SimulatedListener, SimulatedStream};

use crate::driver::poller::Poller;
use crate::error::{Error, Result};
use crate::event_loop::EventLoop;
use network::Network;
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// A network of its own, with loops and peers on it, all used by one thread in turn.
///
/// ```
/// use reactor::simulation::{Faults, Received, Simulation};
/// use reactor::{Buffer, Connection, Service, TcpServer};
/// use std::time::Duration;
///
/// struct Echo;
///
/// impl Service for Echo {
///     type State = ();
///     type Post = ();
///
///     fn on_message(&mut self, connection: &mut Connection<'_, ()>, input: &mut Buffer) {
///         connection.send(input.peek());
///         input.retrieve_all();
///     }
/// }
///
/// let simulation = Simulation::new(7, Faults { accept_errors: 0.0, ..Faults::harsh() });
/// let mut event_loop = simulation.event_loop()?;
/// let address = "10.0.0.1:7".parse().expect("a literal address");
/// let _server = TcpServer::builder(address).start(&mut event_loop, |_seat| Echo)?;
/// let mut peer = simulation.connect(address);
/// let (mut sent, mut received) = (0, Vec::new());
/// while received.len() < 5 {
///     sent += peer.send(&b"hello"[sent..]);
///     event_loop.run_once(Some(Duration::from_millis(10)))?;
///     if let Received::Bytes(bytes) = peer.receive() {
///         received.extend(bytes);
///     }
/// }
/// assert_eq!(received, b"hello");
/// # Ok::<(), reactor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Simulation {
    network: Arc<Mutex<Network>>,
}

impl Simulation {
    /// A network that does what `faults` say, by `seed`.
    pub fn new(seed: u64, faults: Faults) -> Self {
        Self { network: Arc::new(Mutex::new(Network::new(seed, faults))) }
    }

    /// A loop on this network, to be run by [`EventLoop::run_once`]. Each wait that finds nothing to
    /// do lets time pass until something happens, and no longer than it may take.
    ///
    /// # Errors
    /// None that a simulation has; as [`EventLoop::new`].
    pub fn event_loop(&self) -> Result<EventLoop> {
        let poller = Poller::Simulated(SimulatedPoller::new(self.network.clone()));
        EventLoop::with_poller(poller)
            .map_err(|error| Error::new("create", "a simulated event loop", error))
    }

    /// A peer on its way to `address`; it is refused if nobody listens there by the time it comes.
    pub fn connect(&self, address: SocketAddr) -> SimulatedPeer {
        SimulatedPeer::connect(self.network.clone(), address)
    }

    /// What the network does from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.network.lock().faults = faults;
    }

    /// The time on the virtual clock.
    pub fn now(&self) -> Instant {
        self.network.lock().clock.now()
    }
}
