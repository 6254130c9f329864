//! Virtual time: what happens when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use chatservice::chat::Ticket;
use chatservice::cluster::call::Reply;
use chatservice::cluster::{Found, Look};
use chatservice::storage::{Answer, Request};

use crate::fault::Fault;

/// Virtual time since the start of the run.
pub(crate) type Micros = u64;
pub(crate) const MILLISECOND: Micros = 1000;
pub(crate) const SECOND: Micros = 1_000_000;

/// One start of one of the nodes; what belongs to its memory is void when it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) node: usize,
    /// Starts of that node, counted.
    pub(crate) number: u32,
}

/// Something that happens.
pub(crate) enum Event {
    /// A client does something.
    Turn { client: usize },
    /// A client acknowledges what it has.
    Acknowledge { client: usize, link: usize },
    /// A connection reaches the node.
    Opened { link: usize },
    /// Bytes reach the node.
    Up { link: usize },
    /// The node's kernel takes bytes.
    Take { link: usize },
    /// Bytes reach the client.
    Down { link: usize },
    /// The node hears that the connection is gone.
    Gone { link: usize },
    /// The client hears that the connection is gone.
    Lost { link: usize },
    /// Something happens within a node.
    Node { start: Start, task: Task },
    /// Redis carries out what has come on one of its connections.
    Redis { connection: u64 },
    /// Redis finds that one who listened is gone.
    Unsubscribed { subscription: u64 },
    /// Something goes wrong.
    Fault(Fault),
    /// A node that died is started again.
    Restart { node: usize },
    /// The same for Redis.
    RedisRestart,
    /// The store starts or stops to fail.
    StoreFails(bool),
}

/// Something that happens within a node.
pub(crate) enum Task {
    /// The next message from one shard to another arrives.
    Peer { from: u16, to: u16 },
    /// A shard's deadline.
    Deadline { shard: u16 },
    /// A loop has done what there was to do, and sends what it has for other nodes.
    TurnEnds { shard: u16 },
    /// The writer commits what has gathered.
    Commit,
    /// A reader carries out a request.
    Read { shard: u16, ticket: Ticket, request: Request },
    /// A worker's answers arrive.
    Answers(Vec<(u16, Ticket, Answer)>),
    /// The next notice from the threads for the bus arrives.
    Notice { shard: u16 },
    /// For the threads for the bus.
    Bus(BusTask),
}

/// What wakes the two threads for the bus.
pub(crate) enum BusTask {
    /// Commands wait.
    Commands,
    Tick,
    /// It is time to connect.
    Connect,
    /// The answers to a pipeline.
    Replies {
        connection: u64,
        replies: Vec<Reply>,
    },
    /// They have not come in time.
    Impatient {
        connection: u64,
        pipeline: u64,
    },
    /// The connection is cut.
    Disconnected {
        connection: u64,
    },
    /// It is time to subscribe.
    Subscribe,
    /// Something comes from a subscription.
    Heard {
        subscription: u64,
    },
    /// Is there anything to be heard?
    Silence {
        subscription: u64,
    },
    /// A worker looks for new rows.
    Look(Look),
    /// That is done.
    Looked(Result<Found, ()>),
}

struct Entry {
    at: Micros,
    serial: u64,
    event: Event,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.serial == other.serial
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.serial).cmp(&(other.at, other.serial))
    }
}

/// Events by time; those of the same time in the order in which they were put in.
#[derive(Default)]
pub(crate) struct Schedule {
    pub(crate) now: Micros,
    entries: BinaryHeap<Reverse<Entry>>,
    serial: u64,
}

impl Schedule {
    pub(crate) fn at(&mut self, at: Micros, event: Event) {
        self.serial += 1;
        self.entries.push(Reverse(Entry { at: at.max(self.now), serial: self.serial, event }));
    }

    pub(crate) fn after(&mut self, delay: Micros, event: Event) {
        self.at(self.now + delay, event);
    }

    /// Goes on to the next event, unless it is later than `end`.
    pub(crate) fn next(&mut self, end: Micros) -> Option<Event> {
        if self.entries.peek()?.0.at > end {
            return None;
        }
        let Reverse(entry) = self.entries.pop()?;
        self.now = entry.at;
        Some(entry.event)
    }
}
