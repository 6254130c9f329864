//! Virtual time: what happens when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use chatservice::chat::Ticket;
use chatservice::storage::{Answer, Request};

/// Virtual time since the start of the run.
pub(crate) type Micros = u64;
pub(crate) const MILLISECOND: Micros = 1000;
pub(crate) const SECOND: Micros = 1_000_000;

/// Something that happens. What belongs to a node's memory carries the node's incarnation, and
/// is void when that has ended.
pub(crate) enum Event {
    /// A client does something.
    Turn {
        client: usize,
    },
    /// A client acknowledges what it has.
    Acknowledge {
        client: usize,
        link: usize,
    },
    /// A connection reaches the node.
    Opened {
        link: usize,
    },
    /// Bytes reach the node.
    Up {
        link: usize,
    },
    /// The node's kernel takes bytes.
    Take {
        link: usize,
    },
    /// Bytes reach the client.
    Down {
        link: usize,
    },
    /// The node hears that the connection is gone.
    Gone {
        link: usize,
    },
    /// The client hears that the connection is gone.
    Lost {
        link: usize,
    },
    /// The next message from one shard to another arrives.
    Peer {
        incarnation: u32,
        from: u16,
        to: u16,
    },
    /// A shard's deadline.
    Deadline {
        incarnation: u32,
        shard: u16,
    },
    /// The writer commits what has gathered.
    Commit {
        incarnation: u32,
    },
    /// A reader carries out a request.
    Read {
        incarnation: u32,
        shard: u16,
        ticket: Ticket,
        request: Request,
    },
    /// A worker's answers arrive.
    Answers {
        incarnation: u32,
        answers: Vec<(u16, Ticket, Answer)>,
    },
    /// The store starts or stops to fail.
    StoreFails(bool),
    /// The node dies, and is started again.
    Crash,
    Restart,
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
