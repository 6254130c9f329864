//! One node: its shards, who is online where, and the messages between the shards. It does what
//! the server does, but for the network, the workers and the bus, which are simulated.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use chatproto::UserId;
use chatservice::chat::throttle::Throttle;
use chatservice::chat::{NodeId, Now, PeerMessage, Place, Shard, ShardId};
use chatservice::cluster::{Command, Notice, Parcels};
use chatservice::limits::Rules;
use chatservice::presence::Directory;

use crate::bus::Bus;
use crate::context::Context;
use crate::link::Link;
use crate::plant::Plant;
use crate::redis::Redis;
use crate::schedule::{Event, MILLISECOND, Micros, SECOND, Start, Task};
use crate::worker::{Database, Workers};

const PEER_DELAY: Micros = 20 * MILLISECOND;
/// Calls of `handle_deadlines` in a second that no honest reason explains.
const DEADLINES_MAX: usize = 2000;

/// What lies outside of the nodes.
pub(crate) struct Outside {
    pub(crate) context: Context,
    pub(crate) links: Vec<Link>,
    pub(crate) database: Database,
    pub(crate) redis: Redis,
}

/// A loop, and what it knows of other nodes.
pub(crate) struct Loop {
    pub(crate) shard: Shard,
    /// What its deadline is scheduled for.
    deadline: Option<Micros>,
    /// The period in which this node's standing was good at the last look.
    period: Option<u64>,
    /// Of the streams to other nodes.
    epochs: BTreeMap<NodeId, u32>,
    /// What is to be sent at the end of the turn.
    outgoing: BTreeMap<NodeId, Parcels>,
}

/// See the module.
pub(crate) struct Node {
    pub(crate) start: Start,
    pub(crate) id: NodeId,
    pub(crate) frozen_until: Micros,
    pub(crate) loops: Vec<Loop>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) throttle: Throttle,
    pub(crate) workers: Workers,
    pub(crate) bus: Option<Bus>,
    peers: BTreeMap<(u16, u16), VecDeque<PeerMessage>>,
    /// The second, and how often deadlines were looked at in it.
    deadline_calls: (Micros, usize),
    /// Connections that lost their user to another one.
    pub(crate) evicted: Vec<usize>,
}

impl Node {
    pub(crate) fn new(context: &mut Context, start: Start) -> Self {
        let count = context.rng.u16(1..=3);
        let alone = context.profile.nodes == 1;
        let count = if context.plant == Plant::Nothing || !alone { count } else { 3 };
        let id = if alone { NodeId::ALONE } else { NodeId(context.rng.u64(..)) };
        let directory = Arc::new(Directory::new(id));
        let loops = (0..count).map(|shard| Loop::new(context, id, shard, count)).collect();
        let bus = (!alone).then(|| Bus::new(context, (start, id), count, Arc::clone(&directory)));
        Self {
            start,
            id,
            frozen_until: 0,
            loops,
            directory,
            throttle: Throttle::new(1000),
            workers: Workers::new(start),
            bus,
            peers: BTreeMap::new(),
            deadline_calls: (0, 0),
            evicted: Vec::new(),
        }
    }

    pub(crate) fn start(&self) -> Start {
        self.start
    }

    pub(crate) fn shards(&self) -> u16 {
        self.loops.len() as u16
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.loops.iter().all(|it| it.shard.is_settled())
    }

    /// Where a user is online on this node.
    pub(crate) fn locate(&self, user: UserId) -> Option<Place> {
        self.directory.locate(user)
    }

    /// The connection to Redis on which it asks.
    pub(crate) fn connection(&self) -> Option<u64> {
        self.bus.as_ref().and_then(Bus::connection)
    }

    /// Its memory is gone, and so are its connections.
    pub(crate) fn die(self, outside: &mut Outside) {
        let Outside { context, links, redis, .. } = outside;
        redis.node_dies(context, self.start);
        for link in links.iter_mut().filter(|it| it.server_open && it.node == self.start.node) {
            link.server_closes(context);
        }
    }

    /// Something happens within it.
    pub(crate) fn happen(&mut self, outside: &mut Outside, task: Task) {
        match task {
            Task::Peer { from, to } => self.peer_arrives(outside, from, to),
            Task::Deadline { shard } => self.deadline(outside, shard),
            Task::TurnEnds { shard } => self.turn_ends(&mut outside.context, shard),
            Task::Commit => self.workers.commit(&mut outside.context, &outside.database),
            Task::Read { shard, ticket, request } => {
                let Outside { context, database, .. } = outside;
                self.workers.read(context, database, (shard, ticket), request);
            }
            Task::Answers(answers) => {
                for (shard, ticket, answer) in answers {
                    self.call(outside, shard, |shard, now| {
                        shard.handle_answer(now, ticket, answer);
                    });
                }
            }
            Task::Notice { shard } => self.notice_arrives(outside, shard),
            Task::Bus(task) => {
                if let Some(bus) = &mut self.bus {
                    bus.happen(outside, task);
                }
            }
        }
    }

    /// Calls a shard and carries out what comes of it.
    pub(crate) fn call<R>(
        &mut self,
        outside: &mut Outside,
        shard: u16,
        act: impl FnOnce(&mut Shard, Now) -> R,
    ) -> R {
        let index = usize::from(shard);
        let now = outside.context.now();
        self.look_at_standing(&outside.context, index);
        let result = act(&mut self.loops[index].shard, now);
        loop {
            let effects = std::mem::take(self.loops[index].shard.effects());
            if effects.list.is_empty() {
                break;
            }
            for effect in effects.list {
                self.carry_out(outside, shard, effect, &effects.bytes);
            }
        }
        self.arm(&mut outside.context, shard);
        if !self.loops[index].outgoing.is_empty() {
            // More may come up before the turn is over.
            if outside.context.one_in(4) {
                let (start, task) = (self.start, Task::TurnEnds { shard });
                let delay = outside.context.delay(MILLISECOND);
                outside.context.schedule.after(delay, Event::Node { start, task });
            } else {
                self.turn_ends(&mut outside.context, shard);
            }
        }
        result
    }

    /// Nobody is online twice.
    pub(crate) fn check_evicted(&self, outside: &mut Outside) {
        let still_open = |link: &&usize| outside.links[**link].server_open;
        if let Some(link) = self.evicted.iter().find(still_open) {
            outside.context.model.fail(|| format!("link {link} lost its user and is still open"));
        }
    }

    /// For another shard of this node.
    pub(crate) fn post(
        &mut self,
        context: &mut Context,
        from: u16,
        to: u16,
        message: &PeerMessage,
    ) {
        for _ in 0..context.plant.copies(&mut context.rng, message) {
            self.peers.entry((from, to)).or_default().push_back(message.clone());
            let (start, delay) = (self.start, context.delay(PEER_DELAY));
            context.schedule.after(delay, Event::Node { start, task: Task::Peer { from, to } });
        }
    }

    /// For a shard of another node.
    pub(crate) fn send(
        &mut self,
        context: &mut Context,
        from: u16,
        to: ShardId,
        message: &PeerMessage,
    ) {
        if context.plant == Plant::UntoldMail
            && let PeerMessage::Mail { to: login, lane, .. } = *message
        {
            let taken = PeerMessage::MailTaken { lane, from: Place { shard: to, login } };
            return self.post(context, from, from, &taken);
        }
        let outgoing = self.loops[usize::from(from)].outgoing.entry(to.node).or_default();
        for _ in 0..context.plant.copies(&mut context.rng, message) {
            outgoing.push(to.index, message.clone());
        }
    }

    fn turn_ends(&mut self, context: &mut Context, shard: u16) {
        let (Some(bus), it) = (&mut self.bus, &mut self.loops[usize::from(shard)]) else { return };
        for (node, parcels) in std::mem::take(&mut it.outgoing) {
            let epoch = it.epochs.get(&node).copied().unwrap_or(0);
            bus.command(context, Command::Send { node, epoch, parcels });
        }
    }

    /// The shard is told when this node's standing has changed since it was called last.
    fn look_at_standing(&mut self, context: &Context, index: usize) {
        let Some(bus) = &self.bus else { return };
        let (now, it) = (context.now(), &mut self.loops[index]);
        let period = bus.standing.period(now.instant);
        if period == it.period || context.plant == Plant::IgnoredStanding {
            return;
        }
        if it.period.is_some() {
            it.shard.handle_standing(now, false);
        }
        if period.is_some() {
            it.shard.handle_standing(now, true);
        }
        it.period = period;
    }

    fn peer_arrives(&mut self, outside: &mut Outside, from: u16, to: u16) {
        let message = self.peers.get_mut(&(from, to)).and_then(VecDeque::pop_front);
        let Some(message) = message else { return };
        outside.context.trace(|| format!("shard {from} to {to}: {}", describe(&message)));
        self.call(outside, to, |shard, now| shard.handle_peer(now, message));
    }

    fn notice_arrives(&mut self, outside: &mut Outside, shard: u16) {
        let notice = self.bus.as_mut().and_then(|bus| bus.take_notice(shard));
        let Some(notice) = notice else { return };
        let node = self.start.node;
        outside.context.trace(|| match &notice {
            Notice::Peer(message) => format!("to {node}.{shard}: {}", describe(message)),
            notice => format!("to {node}.{shard}: {notice:?}"),
        });
        let Loop { epochs, outgoing, .. } = &mut self.loops[usize::from(shard)];
        match &notice {
            Notice::LinkLost { node, epoch: Some(epoch) } | Notice::Unreachable { node, epoch } => {
                epochs.insert(*node, *epoch);
                // The shard says it again.
                outgoing.remove(node);
            }
            _ => {}
        }
        let resends = outside.context.plant != Plant::UnheededRestart;
        self.call(outside, shard, |shard, now| match notice {
            Notice::Located(lane, found) => shard.handle_located(now, lane, found),
            Notice::Claimed(login, user, claim) => shard.handle_claim(now, login, user, claim),
            Notice::Present(conn, online) => shard.handle_presence(now, conn, online),
            Notice::Announced { login, join, nodes } => {
                shard.handle_announced(now, login, join, nodes);
            }
            Notice::Looked(began) => shard.handle_looked(began),
            Notice::Peer(message) => shard.handle_peer(now, message),
            Notice::LinkLost { node, .. } if resends => shard.handle_link_lost(now, node),
            Notice::LinkLost { .. } => {}
            Notice::Unreachable { node, .. } => shard.handle_unreachable(now, node),
        });
    }

    fn deadline(&mut self, outside: &mut Outside, shard: u16) {
        let context = &mut outside.context;
        let now = context.schedule.now;
        let deadline = &mut self.loops[usize::from(shard)].deadline;
        // One that an earlier one has replaced.
        if deadline.is_none_or(|at| at > now) {
            return;
        }
        *deadline = None;
        let second = now / SECOND;
        if self.deadline_calls.0 != second {
            self.deadline_calls = (second, 0);
        }
        self.deadline_calls.1 += 1;
        if self.deadline_calls.1 > DEADLINES_MAX {
            context.model.fail(|| "deadlines spin".to_owned());
        }
        self.call(outside, shard, Shard::handle_deadlines);
    }

    fn arm(&mut self, context: &mut Context, shard: u16) {
        let it = &mut self.loops[usize::from(shard)];
        let Some(next) = it.shard.next_deadline() else { return };
        let at = context.micros(next).max(context.schedule.now);
        if it.deadline.is_none_or(|scheduled| at < scheduled) {
            it.deadline = Some(at);
            let (start, task) = (self.start, Task::Deadline { shard });
            context.schedule.at(at, Event::Node { start, task });
        }
    }
}

impl Loop {
    fn new(context: &mut Context, node: NodeId, index: u16, count: u16) -> Self {
        let mut rng = context.rng.fork();
        let random = Box::new(move || rng.u128(..).to_le_bytes());
        let now = context.now();
        let id = ShardId { node, index };
        let mut shard = Shard::new(now, id, count, Rules::default(), random);
        let hears_all = node == NodeId::ALONE || context.plant == Plant::IgnoredStanding;
        shard.handle_standing(now, hears_all);
        Self {
            shard,
            deadline: None,
            period: None,
            epochs: BTreeMap::new(),
            outgoing: BTreeMap::new(),
        }
    }
}

fn describe(message: &PeerMessage) -> String {
    match message {
        PeerMessage::Deliver { to, lane, again, message, .. } => {
            format!("deliver {lane:?} {} to link {} again={again}", message.mid, to.conn.0)
        }
        other => format!("{other:?}"),
    }
}
