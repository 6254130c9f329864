//! Clients, a server, and a network that delays and cuts.

use crate::server::{ConnectionId, Lines, Server};
use chatclient::message_ids::MessageIds;
use chatclient::notice::Notice;
use chatclient::session::{Effect, Input, Options, Phase, Session};
use chatproto::{Chat, Errno, Goodbye, GroupId, Request, Target, UserId, decode_event};
use fastrand::Rng;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::time::{Duration, Instant};

const CLIENTS: i64 = 3;
const MESSAGES_EACH: usize = 40;
const GROUP: GroupId = GroupId(100);
/// Far more than any run needs.
const STEPS_MAX: u32 = 200_000;

pub(crate) struct World {
    seed: u64,
    random: Rng,
    now: Instant,
    server: Server,
    clients: Vec<ClientNode>,
    connections: HashMap<ConnectionId, Connection>,
    last_connection: ConnectionId,
    /// By time, then in the order in which they were planned.
    happenings: BinaryHeap<Reverse<(Instant, u64, Happening)>>,
    planned: u64,
    faults: u64,
}

struct ClientNode {
    session: Session,
    connection: Option<ConnectionId>,
    planned: Vec<(Target, String)>,
    sent: Vec<(Target, String)>,
    settled: usize,
    shown: Vec<Chat>,
    exit: Option<bool>,
}

/// Bytes of one connection arrive in order, each way.
struct Connection {
    client: usize,
    to_server: Instant,
    to_client: Instant,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    LinkUp(ConnectionId),
    LinkDown(ConnectionId, usize),
    ToServer(ConnectionId, Vec<u8>),
    ToClient(ConnectionId, Vec<u8>),
    Shown(usize),
    Typed(usize),
    Cut,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let ids = 1..=CLIENTS;
        let clients = ids.clone().map(|id| ClientNode::new(id, &mut random)).collect();
        let mut world = Self {
            seed,
            now: Instant::now(),
            server: Server::new(ids.map(UserId)),
            clients,
            connections: HashMap::new(),
            last_connection: 0,
            happenings: BinaryHeap::new(),
            planned: 0,
            faults: 0,
            random,
        };
        for client in 0..world.clients.len() {
            world.tell(client, Input::Start);
            world.plan(Duration::from_secs(1), Happening::Typed(client));
        }
        world.plan(Duration::from_secs(1), Happening::Cut);
        world
    }

    pub(crate) fn run(&mut self) {
        for _ in 0..STEPS_MAX {
            if self.clients.iter().all(|client| client.exit.is_some()) {
                return;
            }
            self.step();
        }
        panic!("seed {}: no end", self.seed);
    }

    pub(crate) fn faults(&self) -> u64 {
        self.faults
    }

    /// What every client was shown is what the others sent, once and in order.
    pub(crate) fn check(&self) {
        let seed = self.seed;
        for (index, client) in self.clients.iter().enumerate() {
            assert_eq!(client.exit, Some(true), "seed {seed}");
            assert_eq!(client.settled, MESSAGES_EACH, "seed {seed}");
            let me = Target::User(user(index));
            let mut shown: BTreeMap<(UserId, Target), Vec<&str>> = BTreeMap::new();
            for chat in &client.shown {
                shown.entry((chat.from, chat.target)).or_default().push(&chat.msg);
            }
            let mut expected: BTreeMap<(UserId, Target), Vec<&str>> = BTreeMap::new();
            for (from, sender) in self.clients.iter().enumerate() {
                for (target, msg) in &sender.sent {
                    let is_for_me =
                        *target == me || (*target == Target::Group(GROUP) && from != index);
                    if is_for_me {
                        expected.entry((user(from), *target)).or_default().push(msg);
                    }
                }
            }
            assert_eq!(shown, expected, "seed {seed}, client {index}");
        }
    }

    /// Lets the next thing happen.
    fn step(&mut self) {
        let due = self.clients.iter().filter(|client| client.exit.is_none());
        let tick = due.filter_map(|client| client.session.deadline()).min();
        let next = self.happenings.peek().map(|Reverse((at, ..))| *at);
        match (tick, next) {
            (Some(tick), next) if next.is_none_or(|next| tick < next) => {
                self.now = self.now.max(tick);
                for client in 0..self.clients.len() {
                    self.tell(client, Input::Tick);
                }
            }
            (_, Some(_)) => {
                let Reverse((at, _, happening)) = self.happenings.pop().unwrap();
                self.now = self.now.max(at);
                self.happen(happening);
            }
            (None | Some(_), None) => panic!("seed {}: everybody waits", self.seed),
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::LinkUp(connection) => self.tell_by(connection, Input::LinkUp),
            Happening::LinkDown(connection, client) => {
                if self.clients[client].connection == Some(connection) {
                    self.clients[client].connection = None;
                    self.tell(client, Input::LinkDown("cut".to_owned()));
                }
            }
            Happening::ToServer(connection, line) => {
                if self.connections.contains_key(&connection) {
                    let lines = self.server.handle_line(connection, &line, &mut self.random);
                    self.send(lines);
                }
            }
            Happening::ToClient(connection, line) => {
                self.tell_by(connection, Input::Heard(decode_event(&line)));
            }
            Happening::Shown(client) => self.tell(client, Input::Shown),
            Happening::Typed(client) => self.handle_typed(client),
            Happening::Cut => self.handle_cut(),
        }
    }

    fn handle_typed(&mut self, client: usize) {
        let node = &mut self.clients[client];
        let input = match node.session.phase() {
            Phase::Menu => {
                Some(Input::Login { id: user(client), password: "p".to_owned(), force: false })
            }
            Phase::Commands => Some(match node.planned.pop() {
                Some((target, msg)) => {
                    node.sent.push((target, msg.clone()));
                    Input::Send(request(target, msg))
                }
                None if self.everybody_has_everything() => Input::Leave,
                None => Input::Shown,
            }),
            Phase::Busy | Phase::OfferTakeOver => None,
        };
        if let Some(input) = input {
            self.tell(client, input);
        }
        if self.clients[client].exit.is_none() {
            let pause = self.random_wait(150);
            self.plan(pause, Happening::Typed(client));
        }
    }

    /// Breaks a connection, or lets the server say goodbye, as long as there is something to send.
    fn handle_cut(&mut self) {
        if self.clients.iter().all(|client| client.planned.is_empty()) {
            self.server.refusals_percent = 0;
            return;
        }
        let mut open: Vec<_> = self.connections.keys().copied().collect();
        open.sort_unstable();
        if let Some(connection) = self.random.choice(open) {
            self.faults += 1;
            if self.random.u32(0..5) == 0 {
                let mut line = Vec::new();
                let retry_ms = Some(self.random.u64(0..500));
                Goodbye { errno: Errno::ShuttingDown, errmsg: None, retry_ms }.write(&mut line);
                self.send(vec![(connection, line)]);
            } else {
                self.cut(connection);
            }
        }
        let pause = self.random_wait(800);
        self.plan(pause, Happening::Cut);
    }

    /// Bytes under way are lost, either way.
    fn cut(&mut self, connection: ConnectionId) {
        let Some(Connection { client, .. }) = self.connections.remove(&connection) else { return };
        self.server.handle_closed(connection);
        let delay = self.random_wait(100);
        self.plan(delay, Happening::LinkDown(connection, client));
    }

    /// Tells the client that the connection belongs to, if it still stands.
    fn tell_by(&mut self, connection: ConnectionId, input: Input) {
        if let Some(Connection { client, .. }) = self.connections.get(&connection) {
            self.tell(*client, input);
        }
    }

    fn tell(&mut self, client: usize, input: Input) {
        if self.clients[client].exit.is_some() {
            return;
        }
        for effect in self.clients[client].session.handle(input, self.now) {
            match effect {
                Effect::Connect => self.connect(client),
                Effect::Disconnect => {
                    if let Some(connection) = self.clients[client].connection.take() {
                        self.connections.remove(&connection);
                        self.server.handle_closed(connection);
                    }
                }
                Effect::Transmit(bytes) => self.transmit(client, &bytes),
                Effect::Show(Notice::Chat(chat)) => {
                    self.clients[client].shown.push(*chat);
                    let delay = self.random_wait(60);
                    self.plan(delay, Happening::Shown(client));
                }
                Effect::Show(Notice::Settled(settled)) => {
                    assert!(settled.status.is_ok(), "seed {}", self.seed);
                    self.clients[client].settled += 1;
                }
                Effect::Show(_) => {}
                Effect::Exit { success } => self.clients[client].exit = Some(success),
            }
        }
    }

    fn connect(&mut self, client: usize) {
        self.last_connection += 1;
        let id = self.last_connection;
        self.clients[client].connection = Some(id);
        let delay = self.random_wait(40);
        if self.random.u32(0..6) == 0 && self.clients[client].session.unanswered() > 0 {
            self.plan(delay, Happening::LinkDown(id, client));
            return;
        }
        let (to_server, to_client) = (self.now, self.now + delay);
        self.connections.insert(id, Connection { client, to_server, to_client });
        self.plan(delay, Happening::LinkUp(id));
    }

    fn transmit(&mut self, client: usize, bytes: &[u8]) {
        let Some(id) = self.clients[client].connection else { return };
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let arrival = self.now + self.random_wait(30);
            let Some(connection) = self.connections.get_mut(&id) else { return };
            connection.to_server = connection.to_server.max(arrival);
            let at = connection.to_server;
            self.plan_at(at, Happening::ToServer(id, line.to_vec()));
        }
    }

    fn send(&mut self, lines: Lines) {
        for (id, line) in lines {
            let arrival = self.now + self.random_wait(30);
            let Some(connection) = self.connections.get_mut(&id) else { continue };
            connection.to_client = connection.to_client.max(arrival);
            let at = connection.to_client;
            self.plan_at(at, Happening::ToClient(id, line));
        }
    }

    fn everybody_has_everything(&self) -> bool {
        let sent: usize = self.clients.iter().map(|client| client.sent.len()).sum();
        let settled: usize = self.clients.iter().map(|client| client.settled).sum();
        let recipients = |client: &ClientNode| -> usize {
            let is_group = |target: &Target| matches!(target, Target::Group(_));
            let recipients = |target| if is_group(target) { CLIENTS as usize - 1 } else { 1 };
            client.sent.iter().map(|(target, _)| recipients(target)).sum()
        };
        let owed: usize = self.clients.iter().map(recipients).sum();
        let shown: usize = self.clients.iter().map(|client| client.shown.len()).sum();
        sent == MESSAGES_EACH * CLIENTS as usize && settled == sent && shown >= owed
    }

    fn random_wait(&mut self, milliseconds_max: u64) -> Duration {
        Duration::from_millis(self.random.u64(0..=milliseconds_max))
    }

    fn plan(&mut self, wait: Duration, happening: Happening) {
        self.plan_at(self.now + wait, happening);
    }

    fn plan_at(&mut self, at: Instant, happening: Happening) {
        self.planned += 1;
        self.happenings.push(Reverse((at, self.planned, happening)));
    }
}

impl ClientNode {
    fn new(id: i64, random: &mut Rng) -> Self {
        let message_ids = MessageIds::new(random.u128(..));
        let options = Options { message_ids, seed: random.u64(..), may_ask: false };
        let planned = (0..MESSAGES_EACH).map(|number| {
            let to = random.i64(0..=CLIENTS);
            let target = if to == 0 { Target::Group(GROUP) } else { Target::User(UserId(to)) };
            (target, format!("{id}.{number}"))
        });
        Self {
            planned: planned.collect(),
            session: Session::new(options),
            connection: None,
            sent: Vec::new(),
            settled: 0,
            shown: Vec::new(),
            exit: None,
        }
    }
}

fn user(client: usize) -> UserId {
    UserId(client as i64 + 1)
}

fn request(target: Target, msg: String) -> Request<'static> {
    let (msg, time) = (msg.into(), None);
    match target {
        Target::User(to) => Request::Chat { id: None, to, msg, time },
        Target::Group(group) => Request::GroupChat { id: None, group, msg, time },
    }
}
