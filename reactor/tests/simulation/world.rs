//! Loops, peers, and whose turn it is.

use crate::moody_echo::{MoodyEcho, Seen};
use crate::peer_script::PeerScript;
use crate::relay::Relay;
use localhost::Configs;
use reactor::simulation::{Faults, Simulation};
use reactor::{EventLoop, Seat, TcpServer, TcpServerBuilder, Tls};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[path = "../../src/tls/localhost.rs"]
pub(crate) mod localhost;

pub(crate) const ECHO: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)), 7);
const RELAY: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2)), 8);

/// Steps in which every world comes to its end; reached only by one that hangs.
const STEPS_MAX: usize = 200_000;

pub(crate) struct World {
    pub(crate) simulation: Simulation,
    pub(crate) random: fastrand::Rng,
    pub(crate) loops: Vec<EventLoop>,
    servers: Vec<TcpServer<()>>,
    peers: Vec<PeerScript>,
    seen: Arc<Mutex<Seen>>,
}

impl World {
    /// Peers of an echo server.
    pub(crate) fn echo(seed: u64, faults: Faults) -> Self {
        let mut world = Self::with_server(seed, faults);
        world.add_peers(ECHO);
        world
    }

    /// Peers of a relay before an echo server, each on a loop of its own.
    pub(crate) fn relay(seed: u64, faults: Faults) -> Self {
        let mut world = Self::with_server(seed, faults);
        world.add_relay(None);
        world
    }

    /// The same, with TLS between the relay and the server. Its keys are not the seed's, so a repeated
    /// seed gives a run that is alike and not the same.
    pub(crate) fn tunnel(seed: u64, faults: Faults, configs: &Configs) -> Self {
        let server = configs.server.clone();
        let mut world = Self::with_configured_server(seed, faults, |builder| builder.tls(server));
        world.add_relay(Some(Tls::Client(configs.client.clone(), localhost::name())));
        world
    }

    fn add_relay(&mut self, tls: Option<Tls>) {
        let mut event_loop = self.simulation.event_loop().unwrap();
        let relay = move |_seat: Seat<()>| Relay { target: ECHO, tls: tls.clone() };
        self.servers.push(TcpServer::builder(RELAY).start(&mut event_loop, relay).unwrap());
        self.loops.push(event_loop);
        self.add_peers(RELAY);
    }

    /// An echo server and nobody who uses it.
    pub(crate) fn with_server(seed: u64, faults: Faults) -> Self {
        Self::with_configured_server(seed, faults, |builder| builder)
    }

    fn with_configured_server(
        seed: u64,
        faults: Faults,
        configure: impl FnOnce(TcpServerBuilder) -> TcpServerBuilder,
    ) -> Self {
        let simulation = Simulation::new(seed, faults);
        let mut event_loop = simulation.event_loop().unwrap();
        let seen = Arc::<Mutex<Seen>>::default();
        let handed = seen.clone();
        let server = configure(TcpServer::builder(ECHO))
            .start(&mut event_loop, move |_seat| MoodyEcho::new(seed, handed.clone()))
            .unwrap();
        Self {
            simulation,
            random: fastrand::Rng::with_seed(seed ^ 0x5EED),
            loops: vec![event_loop],
            servers: vec![server],
            peers: Vec::new(),
            seen,
        }
    }

    fn add_peers(&mut self, to: SocketAddr) {
        for _ in 0..self.random.usize(1..6) {
            self.peers.push(PeerScript::new(&self.simulation, to, &mut self.random));
        }
    }

    /// Runs until all peers have left and all connections are over.
    pub(crate) fn run(mut self) {
        self.run_to_the_end();
        let turned_away = self.peers.iter().filter(|peer| peer.was_turned_away()).count();
        {
            let seen = self.seen.lock().unwrap();
            assert_eq!(seen.opened, seen.closed.len());
            assert!(seen.opened + turned_away <= self.peers.len(), "{seen:?}, {turned_away}");
        }
        self.expect_rest();
    }

    /// Runs for a while, stops the server, and expects all to be over when the deadline is.
    pub(crate) fn run_until_stopped(mut self) {
        for _ in 0..self.random.usize(..400) {
            self.step();
        }
        self.peers.iter_mut().for_each(PeerScript::give_up_hope);
        let deadline = Duration::from_millis(self.random.u64(..30));
        self.servers[0].stop(deadline);
        // The stop is a letter, which the next turn reads.
        let latest = self.simulation.now() + deadline + Duration::from_millis(10);
        while self.servers[0].connection_count() > 0 {
            assert!(self.simulation.now() <= latest, "{:?} late", self.simulation.now() - latest);
            self.step();
        }
        self.run_to_the_end();
        let seen = self.seen.lock().unwrap();
        assert_eq!(seen.opened, seen.closed.len());
    }

    fn run_to_the_end(&mut self) {
        for _ in 0..STEPS_MAX {
            let over = self.servers.iter().all(|server| server.connection_count() == 0);
            if over && self.peers.iter().all(PeerScript::is_done) {
                return;
            }
            self.step();
        }
        panic!("it hangs: {:?} {:?}", self.peers, self.seen);
    }

    /// Lets a peer act or a loop turn.
    pub(crate) fn step(&mut self) {
        if self.peers.is_empty() || self.random.u8(..5) < 3 {
            let which = self.random.usize(..self.loops.len());
            let limit = Duration::from_micros(self.random.u64(..3000));
            self.loops[which].run_once(Some(limit)).unwrap();
        } else {
            let which = self.random.usize(..self.peers.len());
            self.peers[which].step(&mut self.random);
        }
    }

    /// Whoever has nothing to do must sleep for as long as it may.
    fn expect_rest(&mut self) {
        const NAP: Duration = Duration::from_millis(100);
        for event_loop in &mut self.loops {
            // What was left over from the turn before.
            event_loop.run_once(Some(Duration::ZERO)).unwrap();
            let before = self.simulation.now();
            for _ in 0..20 {
                event_loop.run_once(Some(NAP)).unwrap();
            }
            let slept = self.simulation.now() - before;
            // A listener may look again now and then after it had failed to accept.
            assert!(slept >= 15 * NAP, "a loop sleeps {slept:?} only");
        }
    }
}
