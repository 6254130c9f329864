//! A model client: it keeps what it sends until it is answered, comes back whatever happens, and
//! behaves as badly as its profile allows.

use std::collections::BTreeMap;

use chatproto::{
    Chat, Credentials, Envelope, Errno, Event, Framer, Login, LoginOutcome, Request, Scan, Status,
    Target, decode_event,
};

use crate::context::Context;
use crate::link::Link;
use crate::model::{GROUP, MessageIndex, index_of, user_of};
use crate::profile::{Acknowledging, Leaving};
use crate::schedule::{Event as Happening, MILLISECOND, SECOND};

/// What a client is about on its newest connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No connection.
    Away,
    /// Connected and not logged in.
    Stranger,
    /// The login is not answered yet.
    LoggingIn,
    Online,
    /// It waits for the server to close, or for the end of its logout.
    Leaving,
}

/// When pushes are acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Prompt,
    Late,
    Never,
}

/// One connection, as the client sees it.
struct Session {
    framer: Framer,
    unread: Vec<u8>,
    /// What was pushed, by number from 1 on.
    pushed: Vec<MessageIndex>,
    acknowledged: usize,
}

/// See the module.
pub(crate) struct Client {
    index: usize,
    pub(crate) acknowledging: bool,
    phase: Phase,
    current: Option<usize>,
    sessions: BTreeMap<usize, Session>,
    mood: Mood,
    token: Option<String>,
    force: bool,
    /// Sent and not answered with errno 0, in order; whether it is to be sent again.
    outbox: Vec<(MessageIndex, bool)>,
    left: usize,
    joined: bool,
}

/// What a client acts upon.
pub(crate) struct World<'a> {
    pub(crate) context: &'a mut Context,
    pub(crate) links: &'a mut Vec<Link>,
    /// How many shards each node has; none while it is down.
    pub(crate) nodes: &'a [u16],
}

impl Client {
    pub(crate) fn new(index: usize, context: &Context) -> Self {
        let plain = index % context.profile.plain_one_in == context.profile.plain_one_in - 1;
        Self {
            index,
            acknowledging: !plain,
            phase: Phase::Away,
            current: None,
            sessions: BTreeMap::new(),
            mood: Mood::Prompt,
            token: None,
            force: false,
            outbox: Vec::new(),
            left: context.profile.messages,
            joined: context.model.members.certain.contains(&index),
        }
    }

    pub(crate) fn is_content(&self) -> bool {
        self.phase == Phase::Online
            && self.outbox.is_empty()
            && self.sessions.values().all(|s| s.acknowledged == s.pushed.len())
    }

    pub(crate) fn current(&self) -> Option<usize> {
        self.current
    }

    pub(crate) fn describe(&self) -> String {
        let (index, phase, link) = (self.index, self.phase, self.current);
        format!("client {index}: {phase:?} on {link:?}, outbox {:?}", self.outbox)
    }

    /// It does something, or nothing.
    pub(crate) fn turn(&mut self, world: &mut World<'_>) {
        match (self.phase, self.current) {
            (Phase::Stranger, Some(link)) => self.log_in(world, link),
            (Phase::Online, Some(link)) => self.turn_online(world, link),
            (Phase::Away, _) | (_, None) => self.connect(world),
            (Phase::LoggingIn | Phase::Leaving, Some(_)) => {}
        }
        let profile = &world.context.profile;
        let gap = match world.context.healing {
            true => 100 * MILLISECOND,
            false => profile.span * profile.burst as u64 / profile.messages as u64 / 2,
        };
        let pause = world.context.rng.u64(1..=gap);
        world.context.schedule.after(pause, Happening::Turn { client: self.index });
    }

    /// The end of a run: everybody comes back once more.
    pub(crate) fn leave(&mut self, world: &mut World<'_>) {
        if let Some(link) = self.current.take() {
            world.links[link].client_closes(world.context);
            self.sessions.remove(&link);
        }
        self.phase = Phase::Away;
    }

    pub(crate) fn lost(&mut self, world: &mut World<'_>, link: usize) {
        world.links[link].client_open = false;
        self.sessions.remove(&link);
        if self.current == Some(link) {
            self.current = None;
            self.phase = Phase::Away;
        }
    }

    pub(crate) fn receive(&mut self, world: &mut World<'_>, link: usize, bytes: &[u8]) {
        let Some(mut session) = self.sessions.remove(&link) else { return };
        session.unread.extend_from_slice(bytes);
        let unread = std::mem::take(&mut session.unread);
        let mut used = 0;
        let mut events = Vec::new();
        loop {
            match session.framer.scan(&unread[used..]).expect("the server sends objects") {
                Scan::Object { text, consumed } => {
                    used += consumed;
                    events.extend(decode_event(text).ok());
                }
                Scan::Incomplete { consumed } => {
                    used += consumed;
                    break;
                }
            }
        }
        session.unread = unread[used..].to_vec();
        self.sessions.insert(link, session);
        for event in events {
            self.handle(world, link, event);
        }
        let delay = match self.mood(world.context) {
            Mood::Prompt => 1,
            Mood::Late => world.context.delay(4 * SECOND),
            Mood::Never => return,
        };
        let client = self.index;
        world.context.schedule.after(delay, Happening::Acknowledge { client, link });
    }

    /// Says that it has what it was shown.
    pub(crate) fn acknowledge(&mut self, world: &mut World<'_>, link: usize) {
        let Some(session) = self.sessions.get_mut(&link) else { return };
        let lump = match world.context.healing || world.context.rng.bool() {
            true => session.pushed.len(),
            false => world.context.rng.usize(session.acknowledged..=session.pushed.len()),
        };
        let lump = if self.mood == Mood::Prompt { session.pushed.len() } else { lump };
        if !self.acknowledging || session.acknowledged == lump {
            return;
        }
        let messages = &session.pushed[session.acknowledged..lump];
        let (model, seq) = (&mut world.context.model, lump as u64);
        model.acknowledged(link, self.index, seq, messages);
        session.acknowledged = lump;
        write(world, link, None, Request::Received { seq });
    }

    fn mood(&self, context: &Context) -> Mood {
        let prompt = context.healing || context.profile.acknowledging == Acknowledging::Prompt;
        if prompt { Mood::Prompt } else { self.mood }
    }

    fn connect(&mut self, world: &mut World<'_>) {
        let index = world.links.len();
        let node = world.context.rng.usize(0..world.nodes.len());
        let shard = world.context.rng.u16(0..world.nodes[node].max(1));
        world.links.push(Link::new(index, self.index, (node, shard)));
        let session = Session {
            framer: Framer::new(16 << 20),
            unread: Vec::new(),
            pushed: Vec::new(),
            acknowledged: 0,
        };
        self.sessions.insert(index, session);
        self.current = Some(index);
        let delay = world.context.delay(20 * MILLISECOND);
        let client = self.index;
        world.context.trace(|| format!("client {client} connects: link {index} to {node}.{shard}"));
        world.context.schedule.after(delay, Happening::Opened { link: index });
        self.log_in(world, index);
    }

    fn log_in(&mut self, world: &mut World<'_>, link: usize) {
        let password = format!("password{}", self.index);
        let credentials = match &self.token {
            Some(token) if world.context.rng.bool() => Credentials::Token(token.clone().into()),
            _ => Credentials::Password { id: user_of(self.index), password: password.into() },
        };
        let login = Login { credentials, ack: self.acknowledging, force: self.force };
        write(world, link, None, Request::Login(login));
        self.phase = Phase::LoggingIn;
        let leaves = !world.context.healing && world.context.profile.leaving != Leaving::Never;
        if leaves && world.context.one_in(10) {
            world.links[link].client_ends(world.context);
            self.phase = Phase::Leaving;
        }
    }

    fn turn_online(&mut self, world: &mut World<'_>, link: usize) {
        self.mood = *world
            .context
            .rng
            .choice(&[Mood::Prompt, Mood::Late, Mood::Never])
            .unwrap_or(&Mood::Prompt);
        if self.mood(world.context) != Mood::Never {
            for link in self.sessions.keys().copied().collect::<Vec<_>>() {
                self.acknowledge(world, link);
            }
        }
        self.send_again(world, link, false);
        if world.context.healing {
            return;
        }
        let is_certain = world.context.model.members.certain.contains(&self.index);
        if world.context.profile.groups && !is_certain && world.context.one_in(2) {
            world.context.model.members.possible.insert(self.index);
            let group = GROUP;
            write(world, link, Some("join"), Request::JoinGroup { id: None, group });
        }
        let burst = self.left.min(world.context.rng.usize(0..=world.context.profile.burst));
        for _ in 0..burst {
            self.send_new(world, link);
        }
        if let Leaving::OnceIn(n) = world.context.profile.leaving
            && world.context.one_in(n)
        {
            self.leave_somehow(world, link);
        }
    }

    fn leave_somehow(&mut self, world: &mut World<'_>, link: usize) {
        let way = world.context.rng.u8(0..7);
        world.context.trace(|| format!("link {link}: way {way} of leaving"));
        let found = &mut world.links[link];
        match way {
            0 | 1 => {
                found.breaks(world.context);
                self.lost(world, link);
            }
            2 => {
                found.deaf = Some(0);
                if !self.acknowledging {
                    let delay = world.context.delay(10 * SECOND);
                    world.context.schedule.after(delay, Happening::Gone { link });
                }
                self.force = self.acknowledging;
                self.sessions.remove(&link);
                self.current = None;
                self.phase = Phase::Away;
            }
            3 => self.leave(world),
            4 => {
                found.client_ends(world.context);
                self.phase = Phase::Leaving;
            }
            5 => {
                write(world, link, Some("logout"), Request::Logout { id: None });
                self.token = None;
                self.phase = Phase::Leaving;
            }
            // The old connection is read on until the server ends it.
            _ => {
                self.force = true;
                self.current = None;
                self.phase = Phase::Away;
            }
        }
    }

    fn send_new(&mut self, world: &mut World<'_>, link: usize) {
        let context = &mut *world.context;
        self.left -= 1;
        let others = context.profile.clients - 1;
        let other = context.rng.usize(0..others);
        let other = if other >= self.index { other + 1 } else { other };
        let target = match context.profile.groups && self.joined && context.rng.bool() {
            true => Target::Group(GROUP),
            false => Target::User(user_of(other)),
        };
        let has_mid = self.acknowledging || context.rng.bool();
        let message = context.model.sends(self.index, target, has_mid);
        if has_mid {
            self.outbox.push((message, false));
        }
        send(world, link, message);
    }

    /// What was refused, or everything that is not answered, in order.
    fn send_again(&mut self, world: &mut World<'_>, link: usize, everything: bool) {
        for (message, again) in &mut self.outbox {
            if everything || *again {
                *again = false;
                send(world, link, *message);
            }
        }
    }

    fn handle(&mut self, world: &mut World<'_>, link: usize, event: Event) {
        match event {
            Event::LoginAnswer(outcome) => self.login_answered(world, link, outcome),
            Event::Chat(chat) => self.shown(world, link, &chat),
            Event::Answer { mid: Some(mid), status, .. } => {
                self.answered(world, link, &mid, &status);
            }
            Event::Ping => write(world, link, None, Request::Pong),
            _ => {}
        }
    }

    fn login_answered(&mut self, world: &mut World<'_>, link: usize, outcome: LoginOutcome) {
        if self.current != Some(link) || self.phase != Phase::LoggingIn {
            return;
        }
        self.phase = Phase::Stranger;
        match outcome.status.errno() {
            Some(Errno::Ok) => {
                self.phase = Phase::Online;
                self.force = false;
                self.token = outcome.token;
                // Another node may not have heard of a join whose answer was lost.
                if !outcome.groups.is_empty() && world.nodes.len() == 1 {
                    self.joined = true;
                    world.context.model.members.certain.insert(self.index);
                }
                self.send_again(world, link, true);
            }
            Some(Errno::Refused) if self.token.is_some() => self.token = None,
            Some(Errno::AlreadyOnline) => {
                self.close_others(world, link);
                self.force = self.acknowledging && world.context.rng.bool();
            }
            Some(Errno::Busy | Errno::StoreUnavailable)
                if !world.context.profile.is_faultless() => {}
            _ => {
                let status = outcome.status;
                world.context.model.fail(|| format!("login on link {link}: {status:?}"));
            }
        }
    }

    /// What it left open elsewhere is in its way. On one node that has an end by itself: whoever
    /// logged in last has the account, and the others lost it.
    fn close_others(&mut self, world: &mut World<'_>, link: usize) {
        if world.nodes.len() == 1 {
            return;
        }
        for other in self.sessions.keys().copied().filter(|other| *other != link) {
            world.links[other].client_closes(world.context);
        }
        self.sessions.retain(|other, _| *other == link);
    }

    fn shown(&mut self, world: &mut World<'_>, link: usize, chat: &Chat) {
        let Some(message) = index_of(&chat.msg) else { return };
        if self.acknowledging
            && let Some(session) = self.sessions.get_mut(&link)
        {
            session.pushed.push(message);
            world.context.model.shows(self.index, message);
        }
    }

    fn answered(&mut self, world: &mut World<'_>, link: usize, mid: &str, status: &Status) {
        match (mid, index_of(mid)) {
            ("logout", _) if self.current == Some(link) => {
                if let Some(session) = self.sessions.get_mut(&link) {
                    session.pushed.clear();
                    session.acknowledged = 0;
                }
                self.phase = Phase::Stranger;
            }
            ("join", _) if status.is_ok() => {
                self.joined = true;
                world.context.model.members.certain.insert(self.index);
            }
            (_, Some(message)) if status.is_ok() => {
                self.outbox.retain(|(waiting, _)| *waiting != message);
            }
            (_, Some(message)) => {
                // On an older connection it was sent again on the newer one in any case.
                let is_current = self.current == Some(link);
                for (waiting, again) in &mut self.outbox {
                    *again |= is_current && *waiting == message;
                }
            }
            _ => {}
        }
    }
}

fn send(world: &mut World<'_>, link: usize, message: MessageIndex) {
    let sent = &world.context.model.messages[message];
    let (target, has_mid) = (sent.target, sent.has_mid);
    let padding = world.context.rng.usize(0..40);
    let msg = format!("m{message} {}", "x".repeat(padding)).into();
    let request = match target {
        Target::User(to) => Request::Chat { id: None, to, msg, time: None },
        Target::Group(group) => Request::GroupChat { id: None, group, msg, time: None },
    };
    let mid = format!("m{message}");
    if has_mid {
        world.context.model.requested(link, message);
    }
    write(world, link, has_mid.then_some(&*mid), request);
}

fn write(world: &mut World<'_>, link: usize, mid: Option<&str>, request: Request<'_>) {
    let mut line = Vec::new();
    Envelope { mid: mid.map(Into::into), request }.write(&mut line);
    world.context.trace(|| format!("link {link} ► {}", crate::effects::brief(&line)));
    world.links[link].client_sends(world.context, &line);
}
