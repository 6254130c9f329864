//! One connection with TLS, and a peer that does one thing at a time.

use crate::world::ECHO;
use crate::world::localhost::{self, Configs};
use reactor::rustls::ClientConnection;
use reactor::simulation::{Faults, Received, SimulatedPeer, Simulation};
use reactor::{
    Buffer, CloseReason, Connection, Connections, EventLoop, Service, TcpServer, TcpServerBuilder,
};
use std::io::{Read, Write};
use std::sync::mpsc;
use std::time::Duration;

/// Runs with all connections.
type Action = Box<dyn FnOnce(&mut Connections<'_, ()>) + Send>;
/// What a service does about a message.
type React = Box<dyn Fn(&mut Connection<'_, ()>, &mut Buffer) + Send>;

/// What a service was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Message(Vec<u8>),
    Closed(CloseReason),
}

struct Teller {
    told: mpsc::Sender<Told>,
    react: React,
}

impl Service for Teller {
    type State = ();
    type Post = Action;

    fn on_message(&mut self, connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        self.told.send(Told::Message(input.peek().to_vec())).unwrap();
        (self.react)(connection, input);
    }

    fn on_end_of_stream(&mut self, _connection: &mut Connection<'_, ()>) {}

    fn on_closed(&mut self, _connection: &mut Connection<'_, ()>, reason: CloseReason) {
        self.told.send(Told::Closed(reason)).unwrap();
    }

    fn on_post(&mut self, connections: &mut Connections<'_, ()>, action: Action) {
        action(connections);
    }
}

/// Takes all input and answers nothing.
pub(crate) fn swallow(_connection: &mut Connection<'_, ()>, input: &mut Buffer) {
    input.retrieve_all();
}

pub(crate) struct Stage {
    pub(crate) simulation: Simulation,
    pub(crate) event_loop: EventLoop,
    server: TcpServer<Action>,
    pub(crate) peer: SimulatedPeer,
    /// The peer's side of TLS.
    pub(crate) tls: ClientConnection,
    told: mpsc::Receiver<Told>,
}

impl Stage {
    /// A connection over a network that holds megabytes and has no delay.
    pub(crate) fn new(
        configs: &Configs,
        configure: impl FnOnce(TcpServerBuilder) -> TcpServerBuilder,
        react: impl Fn(&mut Connection<'_, ()>, &mut Buffer) + Send + Sync + Clone + 'static,
    ) -> Self {
        const BUFFER: usize = 4 << 20;
        let simulation = Simulation::new(
            1,
            Faults {
                buffer_bytes: BUFFER..BUFFER + 1,
                segment_bytes: BUFFER..BUFFER + 1,
                delay: Duration::ZERO..Duration::ZERO,
                ..Faults::none()
            },
        );
        let mut event_loop = simulation.event_loop().unwrap();
        let (sender, told) = mpsc::channel();
        let server = configure(TcpServer::builder(ECHO))
            .start(&mut event_loop, move |_seat| Teller {
                told: sender.clone(),
                react: Box::new(react.clone()),
            })
            .unwrap();
        let peer = simulation.connect(ECHO);
        let tls = ClientConnection::new(configs.client.clone(), localhost::name()).unwrap();
        let mut stage = Self { simulation, event_loop, server, peer, tls, told };
        stage.run_until("it is open", |stage| stage.peer.is_open());
        stage
    }

    /// As [`Stage::new`], with TLS from the start and agreed on.
    pub(crate) fn shaken(
        configs: &Configs,
        configure: impl FnOnce(TcpServerBuilder) -> TcpServerBuilder,
    ) -> Self {
        let server = configs.server.clone();
        let mut stage = Self::new(configs, |builder| configure(builder).tls(server), swallow);
        stage.shake_hands();
        stage
    }

    pub(crate) fn shake_hands(&mut self) {
        self.exchange_until("TLS is agreed on", |stage| !stage.tls.is_handshaking());
        self.exchange();
    }

    /// What the peer's TLS has to send.
    pub(crate) fn take_records(&mut self) -> Vec<u8> {
        let mut records = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut records).unwrap();
        }
        records
    }

    pub(crate) fn seal(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.tls.writer().write_all(bytes).unwrap();
        self.take_records()
    }

    /// Sends what the peer's TLS has to, lets the loop turn, and takes what it answers.
    pub(crate) fn exchange(&mut self) {
        let records = self.take_records();
        assert_eq!(self.peer.send(&records), records.len());
        self.turn();
        if let Received::Bytes(records) = self.peer.receive() {
            let mut records = records.as_slice();
            while !records.is_empty() {
                self.tls.read_tls(&mut records).unwrap();
                self.tls.process_new_packets().unwrap();
            }
        }
    }

    pub(crate) fn exchange_until(
        &mut self,
        what: &str,
        mut condition: impl FnMut(&mut Self) -> bool,
    ) {
        self.run_until(what, |stage| {
            stage.exchange();
            condition(stage)
        });
    }

    fn run_until(&mut self, what: &str, mut condition: impl FnMut(&mut Self) -> bool) {
        for _ in 0..1000 {
            if condition(self) {
                return;
            }
            self.turn();
        }
        panic!("{what} should hold by now");
    }

    pub(crate) fn turn(&mut self) {
        self.event_loop.run_once(Some(Duration::from_millis(1))).unwrap();
    }

    /// Lets time pass.
    pub(crate) fn rest(&mut self, time: Duration) {
        let end = self.simulation.now() + time;
        while self.simulation.now() < end {
            self.turn();
        }
    }

    /// What the peer received under TLS so far.
    pub(crate) fn received(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Ends with `WouldBlock` unless the end has come.
        let _end_or_not_yet = self.tls.reader().read_to_end(&mut bytes);
        bytes
    }

    /// Does `action` with the connection.
    pub(crate) fn act<T: Send + 'static>(
        &mut self,
        action: impl FnOnce(&mut Connection<'_, ()>) -> T + Send + 'static,
    ) -> T {
        let (sender, receiver) = mpsc::channel();
        let action: Action = Box::new(move |connections| {
            let id = connections.ids()[0];
            sender.send(action(&mut connections.get(id).unwrap())).unwrap();
        });
        self.server.handles()[0].post(action).unwrap();
        self.turn();
        receiver.try_recv().unwrap()
    }

    pub(crate) fn told(&self) -> Vec<Told> {
        self.told.try_iter().collect()
    }
}
