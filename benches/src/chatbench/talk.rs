//! Clients that log in and send each other numbered messages, each of which is accounted for.

use super::flow::{Answers, Flow, Leg};
use super::inbox::{Expected, Inbox};
use super::login;
use super::net::{Net, Role};
use super::pace::Pace;
use super::person::Person;
use super::route::Route;
use super::surprise::{refused, surprise};
use crate::accounts::Style;
use crate::numbered_text::{NUMBER_BYTES, number_in};
use crate::player::Play;
use crate::tally::Tally;
use chatproto::{Delivery, Event, Target, decode_event};
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Instant;

mod arrival;
mod ending;
mod hearing;

/// Messages of a client that may be under way at most: no server takes more without settling some.
pub(super) const WINDOW_MAX: usize = 1024;
/// Messages of all clients that are kept account of at a time, 24 bytes each.
const UNDER_WAY_MAX: usize = 1 << 22;

/// What lets a client send the next message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// One that it receives.
    Receipt,
    /// One of its own that everybody has and the server has answered.
    Settlement,
    /// The schedule.
    Schedule,
}

/// What counts as a message's latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// The time since it was due.
    Due,
    /// The time since its receiver began to log in.
    Login,
}

/// How clients talk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    pub(super) style: Style,
    pub(super) next: Next,
    /// Messages of a client that may be under way; a power of two.
    pub(super) window: usize,
    /// The number of the first message of each: none that another run has used.
    pub(super) first: u64,
    /// What is counted.
    pub(super) counted: Counted,
    /// Bytes of a text.
    pub(super) bytes: usize,
}

/// What a phase counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    /// Messages that were received.
    Receipts,
    /// Answers, each of which must say that the message is stored.
    Deposits,
}

/// What was counted.
#[derive(Debug)]
pub(super) struct Counts {
    /// Messages that were received.
    pub(super) deliveries: Tally,
    /// Answers of the server that say what became of a message.
    pub(super) answers: Tally,
    /// Logins, from the connection to the answer.
    pub(super) logins: Tally,
    /// Answers that said: stored.
    pub(super) stored: u64,
}

/// See the module.
pub(super) struct Talk {
    clients: Vec<Client>,
    routes: Vec<Route>,
    manner: Manner,
    since: Since,
    play: Play,
    pace: Option<Pace>,
    pub(super) counts: Counts,
    /// Clients that are to log in, and how many are at it.
    arriving: Range<usize>,
    entering: usize,
    present: usize,
    /// Clients that may send since others received.
    ready: Vec<usize>,
    /// Messages that waited for those who log in and have not arrived.
    waiting: u64,
    /// Pongs that are awaited.
    pongs: u64,
}

struct Client {
    person: Person,
    server: SocketAddr,
    phase: Phase,
    inbox: Inbox,
    flow: Option<Box<Flow>>,
}

/// Where a client stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Out,
    Entering { since: Instant },
    In { since: Instant },
}

impl Talk {
    /// Of clients with these accounts, each with its server; nobody is logged in.
    pub(super) fn new(people: Vec<(Person, SocketAddr)>, manner: Manner) -> Self {
        let client = |(person, server)| Client {
            person,
            server,
            phase: Phase::Out,
            inbox: Inbox::default(),
            flow: None,
        };
        Self {
            clients: people.into_iter().map(client).collect(),
            routes: Vec::new(),
            manner,
            since: Since::Due,
            play: Play::Paused,
            pace: None,
            counts: Counts::new(),
            arriving: 0..0,
            entering: 0,
            present: 0,
            ready: Vec::new(),
            waiting: 0,
            pongs: 0,
        }
    }

    /// A route from client `from` to `target`, whose messages clients `receivers` get; of them are
    /// `online` logged in when they are sent.
    pub(super) fn add_route(
        &mut self,
        from: usize,
        target: Target,
        receivers: impl IntoIterator<Item = usize>,
        online: Online,
    ) {
        let Manner { style, window, first, bytes, .. } = self.manner;
        let route = self.routes.len();
        let answers = match (style, online) {
            (Style::Original, Online::All) => Answers::None,
            _ => Answers::Expected,
        };
        // Only a message with a mid is answered.
        let words = if answers == Answers::Expected { Style::Acknowledged } else { style };
        self.routes.push(Route::new(from, &self.clients[from].person, target, words, bytes));
        let sender = self.clients[from].person.id;
        let legs = self.clients[from].flow.as_ref().map_or(0, |flow| flow.legs());
        let next = first + legs as u64;
        let mut count = 0;
        for receiver in receivers {
            self.clients[receiver].inbox.add(Expected { sender, route, next, stride: 1 });
            count += 1;
        }
        let flow = &mut self.clients[from].flow;
        let flow =
            flow.get_or_insert_with(|| Box::new(Flow::new(window, answers, first, Instant::now())));
        flow.add(Leg { route, receivers: if online == Online::All { count } else { 0 } });
    }

    /// To be called once all routes are there.
    pub(super) fn set_strides(&mut self) {
        let legs: Vec<_> = self.clients.iter().map(|client| client.legs()).collect();
        for client in &mut self.clients {
            client.inbox.set_strides(|route| legs[self.routes[route].from]);
        }
    }

    /// Lets client `who` send so many more.
    pub(super) fn grant(&mut self, who: usize, messages: u64) {
        if let Some(flow) = &mut self.clients[who].flow {
            flow.grant(messages);
            self.ready.push(who);
        }
    }

    /// Clients that have a route send in turn, `rate` messages a second in all, from `now` on.
    pub(super) fn schedule(&mut self, rate: f64, now: Instant) {
        let senders: Vec<_> =
            (0..self.clients.len()).filter(|who| self.clients[*who].flow.is_some()).collect();
        if senders.is_empty() {
            return;
        }
        let pace = Pace::new(senders, rate, now);
        for (at, &who) in pace.senders().iter().enumerate() {
            if let Some(flow) = &mut self.clients[who].flow {
                flow.schedule(pace.due(at as u64), pace.round());
            }
        }
        self.pace = Some(pace);
    }

    /// Lets messages be sent, or no more.
    pub(super) fn set_play(&mut self, net: &mut Net, play: Play, now: Instant) {
        self.play = play;
        for who in 0..self.clients.len() {
            self.speak(net, who, now);
        }
    }

    /// Sends what is due; returns when there will be more.
    pub(super) fn proceed(&mut self, net: &mut Net, now: Instant) -> Option<Instant> {
        if self.play == Play::Paused {
            return None;
        }
        let mut pace = self.pace.take();
        if let Some(pace) = &mut pace {
            while let Some(who) = pace.take_due(now) {
                self.grant(who, 1);
            }
        }
        self.pace = pace;
        self.speak_all(net, now);
        self.pace.as_ref().map(Pace::next_due)
    }

    /// Clients that are logged in.
    pub(super) fn logged_in(&self) -> usize {
        self.present
    }

    /// What the phase counts.
    pub(super) fn counted(&self) -> Counted {
        self.manner.counted
    }

    /// The account of client `who`.
    pub(super) fn person(&self, who: usize) -> &Person {
        &self.clients[who].person
    }

    fn speak_all(&mut self, net: &mut Net, now: Instant) {
        let mut ready = std::mem::take(&mut self.ready);
        for who in ready.drain(..) {
            self.speak(net, who, now);
        }
        self.ready = ready;
    }

    fn speak(&mut self, net: &mut Net, who: usize, now: Instant) {
        let Some(flow) = self.clients[who].flow.as_deref_mut() else { return };
        if self.play == Play::Paused || !flow.may_send() {
            return;
        }
        let routes = &self.routes;
        net.say(who, |out| {
            while let Some((route, number)) = flow.send(now) {
                routes[route].write(number, out);
            }
        });
    }
}

/// Whether the receivers of a route are logged in when its messages are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Online {
    All,
    Nobody,
}

/// How many messages may be under way from each of so many senders, at least `in_flight`.
pub(super) fn window(senders: usize, in_flight: u16) -> usize {
    let most = (UNDER_WAY_MAX / senders.max(1) / 2 + 1).next_power_of_two();
    most.clamp(64, WINDOW_MAX).max(usize::from(in_flight).next_power_of_two())
}

impl Counts {
    fn new() -> Self {
        let [deliveries, answers, logins] = [(); 3].map(|()| Tally::new());
        Self { deliveries, answers, logins, stored: 0 }
    }
}

impl Client {
    fn legs(&self) -> u64 {
        self.flow.as_ref().map_or(1, |flow| flow.legs() as u64)
    }
}
