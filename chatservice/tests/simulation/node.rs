//! One node: its shards, who is online where, and the messages between the shards. It carries
//! out effects as the server does, but for the network and the workers, which are simulated.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};

use chatproto::UserId;
use chatservice::chat::throttle::Throttle;
use chatservice::chat::{
    Claim, ConnId, Effect, Located, NodeId, Now, PeerMessage, Place, Shard, ShardId,
};
use chatservice::limits::Rules;
use chatservice::presence::Directory;

use crate::context::Context;
use crate::link::Link;
use crate::plant::Plant;
use crate::schedule::{Event, MILLISECOND, Micros, SECOND};
use crate::worker::Workers;

const PEER_DELAY: Micros = 20 * MILLISECOND;
/// Calls of `handle_deadlines` in a second that no honest reason explains.
const DEADLINES_MAX: usize = 2000;

/// What lies outside of the shards.
pub(crate) struct Outside {
    pub(crate) context: Context,
    pub(crate) links: Vec<Link>,
    pub(crate) workers: Workers,
}

/// See the module.
pub(crate) struct Node {
    incarnation: u32,
    shards: Vec<Shard>,
    directory: Directory,
    throttle: Throttle,
    peers: BTreeMap<(u16, u16), VecDeque<PeerMessage>>,
    /// When each shard's deadline is scheduled for.
    deadlines: Vec<Option<Micros>>,
    /// The second, and how often deadlines were looked at in it.
    deadline_calls: (Micros, usize),
    /// Connections that lost their user to another one.
    evicted: Vec<usize>,
}

impl Node {
    pub(crate) fn new(context: &mut Context, incarnation: u32) -> Self {
        let count = context.rng.u16(1..=3);
        let count = if context.plant == Plant::Nothing { count } else { 3 };
        let mut shards = Vec::new();
        for shard in 0..count {
            let mut rng = context.rng.fork();
            let random = Box::new(move || rng.u128(..).to_le_bytes());
            let now = context.now();
            shards.push(Shard::new(
                now,
                ShardId { node: NodeId::ALONE, index: shard },
                count,
                Rules::default(),
                random,
            ));
        }
        Self {
            incarnation,
            shards,
            directory: Directory::default(),
            throttle: Throttle::new(1000),
            peers: BTreeMap::new(),
            deadlines: vec![None; usize::from(count)],
            deadline_calls: (0, 0),
            evicted: Vec::new(),
        }
    }

    pub(crate) fn shards(&self) -> u16 {
        self.shards.len() as u16
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.shards.iter().all(Shard::is_settled)
    }

    pub(crate) fn is_online(&self, user: UserId) -> bool {
        self.directory.locate(user).is_some()
    }

    /// Calls a shard and carries out what comes of it.
    pub(crate) fn call<R>(
        &mut self,
        outside: &mut Outside,
        shard: u16,
        act: impl FnOnce(&mut Shard, Now) -> R,
    ) -> R {
        let index = usize::from(shard);
        let result = act(&mut self.shards[index], outside.context.now());
        loop {
            let effects = self.shards[index].effects();
            let list = std::mem::take(&mut effects.list);
            let bytes = std::mem::take(&mut effects.bytes);
            if list.is_empty() {
                break;
            }
            for effect in list {
                self.carry_out(outside, shard, effect, &bytes);
            }
        }
        self.arm(&mut outside.context, shard);
        result
    }

    pub(crate) fn opened(&mut self, outside: &mut Outside, link: usize) {
        let (shard, conn) = (outside.links[link].shard, outside.links[link].conn());
        outside.links[link].server_open = true;
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        self.call(outside, shard, |shard, now| shard.handle_opened(now, conn, address));
        outside.links[link].schedule_up(&mut outside.context);
    }

    /// Hands in what has arrived.
    pub(crate) fn read(&mut self, outside: &mut Outside, link: usize) {
        let Outside { links, context, .. } = outside;
        let found = &mut links[link];
        if !found.server_open || found.paused || found.closing {
            return;
        }
        found.server_receives(context);
        let (shard, conn) = (found.shard, found.conn());
        let mut unread = std::mem::take(&mut found.unread);
        if !unread.is_empty() {
            let used =
                self.call(outside, shard, |shard, now| shard.handle_bytes(now, conn, &unread));
            unread.drain(..used);
            outside.links[link].unread = unread;
        }
        let found = &mut outside.links[link];
        if found.server_open && found.is_at_end() {
            found.end_told = true;
            outside.context.trace(|| format!("link {link}: end of stream"));
            self.call(outside, shard, |shard, now| shard.handle_end_of_stream(now, conn));
        }
    }

    pub(crate) fn kernel_takes(&mut self, outside: &mut Outside, link: usize) {
        let Outside { links, context, .. } = outside;
        let found = &mut links[link];
        if !found.server_open {
            return;
        }
        let all = found.kernel_takes(context);
        let (shard, conn, closing) = (found.shard, found.conn(), found.closing);
        let (client, taken) = (found.client, found.taken);
        context.model.kernel_took(link, client, taken);
        if !all {
            return;
        }
        if closing {
            self.gone(outside, link);
        } else {
            self.call(outside, shard, |shard, now| shard.handle_written(now, conn));
        }
    }

    /// The connection is over, whoever ended it.
    pub(crate) fn gone(&mut self, outside: &mut Outside, link: usize) {
        let Outside { links, context, .. } = outside;
        let found = &mut links[link];
        if !found.server_open {
            return;
        }
        found.server_closes(context);
        context.trace(|| format!("link {link}: closed"));
        let (shard, conn) = (found.shard, found.conn());
        self.call(outside, shard, |shard, now| shard.handle_closed(now, conn));
    }

    pub(crate) fn peer_arrives(&mut self, outside: &mut Outside, from: u16, to: u16) {
        let message = self.peers.get_mut(&(from, to)).and_then(VecDeque::pop_front);
        let Some(message) = message else { return };
        outside.context.trace(|| format!("shard {from} to {to}: {}", describe(&message)));
        self.call(outside, to, |shard, now| shard.handle_peer(now, message));
    }

    pub(crate) fn deadline(&mut self, outside: &mut Outside, shard: u16) {
        let context = &mut outside.context;
        let now = context.schedule.now;
        if self.deadlines[usize::from(shard)] != Some(now) {
            return;
        }
        self.deadlines[usize::from(shard)] = None;
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

    /// Nobody is online twice.
    pub(crate) fn check_evicted(&self, outside: &mut Outside) {
        let still_open = |link: &&usize| outside.links[**link].server_open;
        if let Some(link) = self.evicted.iter().find(still_open) {
            outside.context.model.fail(|| format!("link {link} lost its user and is still open"));
        }
    }

    fn arm(&mut self, context: &mut Context, shard: u16) {
        let index = usize::from(shard);
        let Some(next) = self.shards[index].next_deadline() else { return };
        let at = context.micros(next).max(context.schedule.now);
        if self.deadlines[index].is_none_or(|scheduled| at < scheduled) {
            self.deadlines[index] = Some(at);
            let incarnation = self.incarnation;
            context.schedule.at(at, Event::Deadline { incarnation, shard });
        }
    }

    fn carry_out(&mut self, outside: &mut Outside, shard: u16, effect: Effect, bytes: &[u8]) {
        let Outside { context, links, workers } = outside;
        let index = usize::from(shard);
        let now = context.now();
        match effect {
            Effect::Send { conn, bytes: range } => send(context, links, conn, &bytes[range]),
            Effect::Close(conn) => self.close(outside, link_of(conn)),
            Effect::PauseReading(conn) => links[link_of(conn)].paused = true,
            Effect::ResumeReading(conn) => {
                let link = &mut links[link_of(conn)];
                link.paused = false;
                link.schedule_up(context);
            }
            Effect::ReadAgain(conn) => links[link_of(conn)].schedule_up(context),
            Effect::Work { ticket, request } => workers.submit(context, shard, ticket, request),
            Effect::Claim { login, user, force } => {
                let place = Place { shard: ShardId { node: NodeId::ALONE, index: shard }, login };
                let claim = self.claim(user, place, force);
                context.trace(|| format!("link {}: user {user} claim {claim:?}", login.conn.0));
                self.shards[index].handle_claim(now, login, user, claim);
            }
            Effect::Release { login, user, owing } => {
                let place = Place { shard: ShardId { node: NodeId::ALONE, index: shard }, login };
                let wide = context.plant == Plant::WideRelease;
                let at = if wide { self.directory.locate(user) } else { None };
                self.directory.release(user, at.unwrap_or(place), owing);
                context.trace(|| {
                    format!("link {}: user {user} released, owing={owing}", login.conn.0)
                });
            }
            Effect::Settled { login, user } => {
                self.directory.settled(
                    user,
                    Place { shard: ShardId { node: NodeId::ALONE, index: shard }, login },
                );
            }
            Effect::Locate(lane) => {
                let place = self.directory.locate(lane.recipient);
                let found = place.map_or(Located::Offline, Located::At);
                self.shards[index].handle_located(now, lane, found);
            }
            Effect::Presence { conn, users } => {
                let online = self.directory.online(users);
                self.shards[index].handle_presence(now, conn, online);
            }
            Effect::Admit { conn, address, attempt } => {
                let admission = self.throttle.admit(now.instant, address, attempt);
                self.shards[index].handle_admission(now, conn, admission);
            }
            Effect::LoginEnded { user, address, success } => {
                self.throttle.login_ended(now.instant, user, address, success);
            }
            Effect::LoggedIn { .. } => {}
            Effect::Peer { to, message } => self.post(context, shard, to.index, &message),
            Effect::Announce { login, .. } => {
                self.shards[index].handle_announced(now, login, 0);
            }
        }
    }

    fn close(&mut self, outside: &mut Outside, link: usize) {
        let Outside { context, links, .. } = outside;
        let found = &mut links[link];
        if !found.server_open || found.closing {
            return;
        }
        found.closing = true;
        found.schedule_take(context);
        // Who does not take the last bytes is not waited for.
        context.schedule.after(5 * SECOND, Event::Gone { link });
    }

    fn claim(&mut self, user: UserId, place: Place, force: bool) -> Claim {
        let online = self.directory.locate(user);
        let claim = self.directory.claim(user, place, 0, force);
        if matches!(claim, Claim::Granted(_)) {
            self.evicted.extend(online.map(|place| link_of(place.login.conn)));
        }
        claim
    }

    fn post(&mut self, context: &mut Context, from: u16, to: u16, message: &PeerMessage) {
        for _ in 0..context.plant.copies(&mut context.rng, message) {
            self.peers.entry((from, to)).or_default().push_back(message.clone());
            let (incarnation, delay) = (self.incarnation, context.delay(PEER_DELAY));
            context.schedule.after(delay, Event::Peer { incarnation, from, to });
        }
    }
}

fn link_of(conn: ConnId) -> usize {
    conn.0 as usize
}

fn send(context: &mut Context, links: &mut [Link], conn: ConnId, bytes: &[u8]) {
    let link = &mut links[link_of(conn)];
    if !link.server_open || link.closing {
        return;
    }
    let start = link.queued;
    link.server_sends(context, bytes);
    let mut end = start;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        end += line.len() as u64;
        context.trace(|| format!("link {} ◄ {}", conn.0, brief(line)));
        context.model.server_said(link.index, link.client, end, line);
    }
}

/// The start of an object, for the trace.
pub(crate) fn brief(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    text.trim_end().chars().take(160).collect()
}

fn describe(message: &PeerMessage) -> String {
    match message {
        PeerMessage::Deliver { to, lane, again, message, .. } => {
            format!("deliver {lane:?} {} to link {} again={again}", message.mid, to.conn.0)
        }
        other => format!("{other:?}"),
    }
}
