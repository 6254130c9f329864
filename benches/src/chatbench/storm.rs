//! Clients that log in again and again, or all at once. They stand behind others on the same net.

use super::drive::Act;
use super::login::{self, By};
use super::net::{Net, Role};
use super::person::Person;
use super::surprise::{refused, surprise};
use super::talk::Talk;
use crate::accounts::Style;
use crate::tally::Tally;
use chatproto::{Event, decode_event};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

/// What a client does once it is logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// It leaves, and logs in again when the others have.
    Leave,
    /// It stays.
    Stay,
}

/// See the module. A client's number on the net is `base` and its place in here.
pub(super) struct Storm {
    base: usize,
    clients: Vec<Client>,
    by: By,
    style: Style,
    then: Then,
    in_flight: usize,
    under_way: usize,
    present: usize,
    queue: VecDeque<usize>,
    pub(super) logins: Tally,
    /// When all dropped.
    dropped_at: Instant,
}

struct Client {
    person: Person,
    server: SocketAddr,
    phase: Phase,
}

/// Where a client stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Out,
    /// It has wanted to be in since then.
    Entering(Instant),
    In,
}

impl Storm {
    /// Of `people` with their servers, `in_flight` of whom log in at a time in `style`, as clients
    /// `base` and so on; nobody does before they are told.
    pub(super) fn new(
        base: usize,
        people: Vec<(Person, SocketAddr)>,
        style: Style,
        in_flight: usize,
    ) -> Self {
        let client = |(person, server)| Client { person, server, phase: Phase::Out };
        Self {
            base,
            clients: people.into_iter().map(client).collect(),
            by: By::Password,
            style,
            then: Then::Stay,
            in_flight,
            under_way: 0,
            present: 0,
            queue: VecDeque::new(),
            logins: Tally::new(),
            dropped_at: Instant::now(),
        }
    }

    /// All who are in drop their connections; then all log in.
    pub(super) fn rage(&mut self, net: &mut Net, by: By, then: Then) -> io::Result<()> {
        for (at, client) in self.clients.iter_mut().enumerate() {
            net.close(self.base + at);
            client.phase = Phase::Out;
        }
        (self.present, self.under_way) = (0, 0);
        (self.by, self.then) = (by, then);
        self.queue = (0..self.clients.len()).collect();
        let now = Instant::now();
        self.dropped_at = now;
        while self.under_way < self.in_flight && self.begin(net, now)? {}
        Ok(())
    }

    /// Nobody else begins to log in.
    pub(super) fn calm(&mut self) {
        self.queue.clear();
        self.then = Then::Stay;
    }

    /// Clients that are logging in.
    pub(super) fn under_way(&self) -> u64 {
        self.under_way as u64
    }

    /// Clients that wait to log in, or are at it.
    pub(super) fn left(&self) -> u64 {
        (self.queue.len() + self.under_way) as u64
    }

    /// Whether a client that is out logs in now.
    fn begin(&mut self, net: &mut Net, now: Instant) -> io::Result<bool> {
        let Some(at) = self.queue.pop_front() else { return Ok(false) };
        let who = self.base + at;
        let (by, style) = (self.by, self.style);
        let client = &mut self.clients[at];
        net.open(who, client.server)?;
        client.phase = Phase::Entering(match self.then {
            Then::Stay => self.dropped_at,
            Then::Leave => now,
        });
        self.under_way += 1;
        net.say(who, |out| login::write(&client.person, by, style, true, out));
        Ok(true)
    }

    fn enter(
        &mut self,
        net: &mut Net,
        at: usize,
        line: &[u8],
        since: Instant,
        now: Instant,
    ) -> io::Result<()> {
        let client = &mut self.clients[at];
        if let Some(chat) = login::take_answer(&mut client.person, line)?.first() {
            let text = format!("user {} was not to get {chat:?}", client.person.id);
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        self.logins.count(now - since);
        self.under_way -= 1;
        match self.then {
            Then::Stay => {
                client.phase = Phase::In;
                self.present += 1;
            }
            Then::Leave => {
                client.phase = Phase::Out;
                net.close(self.base + at);
                self.queue.push_back(at);
            }
        }
        self.begin(net, now)?;
        Ok(())
    }
}

impl Role for Storm {
    fn hear(&mut self, net: &mut Net, who: usize, line: &[u8], now: Instant) -> io::Result<()> {
        let at = who - self.base;
        if let Phase::Entering(since) = self.clients[at].phase {
            return self.enter(net, at, line, since, now);
        }
        match decode_event(line) {
            Ok(Event::Ping) => net.say(who, chatproto::pong),
            Ok(Event::Goodbye { status }) => return Err(refused("keep a client", &status)),
            _ => return Err(surprise(line, "a client that only logs in heard")),
        }
        Ok(())
    }

    fn respond(&mut self, _: &mut Net, _: usize, _: Instant) -> io::Result<()> {
        Ok(())
    }
}

/// A storm beside clients that talk, who come first on the net.
pub(super) struct Weather {
    pub(super) talk: Talk,
    pub(super) storm: Storm,
}

impl Role for Weather {
    fn hear(&mut self, net: &mut Net, who: usize, line: &[u8], now: Instant) -> io::Result<()> {
        if who < self.storm.base {
            self.talk.hear(net, who, line, now)
        } else {
            self.storm.hear(net, who, line, now)
        }
    }

    fn respond(&mut self, net: &mut Net, who: usize, now: Instant) -> io::Result<()> {
        if who < self.storm.base { self.talk.respond(net, who, now) } else { Ok(()) }
    }
}

impl Act for Weather {
    fn tick(&mut self, net: &mut Net, now: Instant) -> io::Result<Option<Instant>> {
        Ok(self.talk.proceed(net, now))
    }

    fn tallies(&mut self) -> Vec<&mut Tally> {
        vec![&mut self.storm.logins, &mut self.talk.counts.deliveries]
    }

    fn present(&self) -> usize {
        self.talk.logged_in() + self.storm.present
    }

    fn complain(&self) -> io::Error {
        let left = self.storm.left();
        io::Error::other(format!("{left} clients are not logged in; {}", self.talk.complaint()))
    }
}
