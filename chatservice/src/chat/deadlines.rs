//! Which deadlines are to be looked at when. An entry only says "look": whoever is looked at
//! decides, and arms again; so touching a session costs nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use super::effect::{ConnId, LaneKey, LoginId};

/// What is to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deadline {
    /// Has the client logged in, is it alive?
    Session(ConnId),
    /// The pause before a login attempt is over.
    Penalty(ConnId),
    /// Does the recipient acknowledge?
    Inbox(ConnId),
    /// Does everybody know of the join?
    Join(LoginId, u64),
    /// Does the recipient's side answer?
    Lane(LaneKey),
}

/// Deadlines by time. Each owner has one entry of each kind at a time, which bounds their number.
#[derive(Debug)]
pub struct Deadlines {
    start: Instant,
    /// Those of sessions by themselves: every client has one, so that they are to be small.
    sessions: Heap<ConnId>,
    others: Heap<Deadline>,
}

/// Milliseconds since the start.
type Tick = u64;

type Heap<T> = BinaryHeap<Reverse<(Tick, T)>>;

impl Deadlines {
    /// None. Nothing may be armed for a time before `start`.
    pub fn new(start: Instant) -> Self {
        Self { start, sessions: Heap::new(), others: Heap::new() }
    }

    /// Look at `what` at `at`, or up to a millisecond later.
    pub fn arm(&mut self, at: Instant, what: Deadline) {
        let at = at.saturating_duration_since(self.start).as_nanos().div_ceil(1_000_000) as Tick;
        match what {
            Deadline::Session(conn) => self.sessions.push(Reverse((at, conn))),
            other => self.others.push(Reverse((at, other))),
        }
    }

    /// When the next one is due.
    pub fn next(&self) -> Option<Instant> {
        let ticks = next_of(&self.sessions).into_iter().chain(next_of(&self.others));
        ticks.min().map(|tick| self.start + Duration::from_millis(tick))
    }

    /// Takes out one that is due.
    pub fn pop_due(&mut self, now: Instant) -> Option<Deadline> {
        if self.next()? > now {
            return None;
        }
        let other = next_of(&self.others);
        if next_of(&self.sessions).is_some_and(|at| other.is_none_or(|other| at <= other)) {
            pop(&mut self.sessions).map(Deadline::Session)
        } else {
            pop(&mut self.others)
        }
    }
}

fn next_of<T: Ord>(heap: &Heap<T>) -> Option<Tick> {
    heap.peek().map(|Reverse((at, _))| *at)
}

/// Takes out the first one, and gives back memory when many have been taken out.
fn pop<T: Ord>(heap: &mut Heap<T>) -> Option<T> {
    let Reverse((_, what)) = heap.pop()?;
    if heap.capacity() > KEPT && heap.len() < heap.capacity() / 4 {
        heap.shrink_to((heap.len() * 2).max(KEPT));
    }
    Some(what)
}

/// Entries for which there is always room.
const KEPT: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_ones_come_out_in_order_of_time() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut deadlines = Deadlines::new(start);
        for ms in [30, 10, 20] {
            deadlines.arm(at(ms), Deadline::Session(ConnId(ms)));
        }
        assert_eq!(deadlines.next(), Some(at(10)));
        assert_eq!(deadlines.pop_due(at(9)), None);
        assert_eq!(deadlines.pop_due(at(20)), Some(Deadline::Session(ConnId(10))));
        assert_eq!(deadlines.pop_due(at(20)), Some(Deadline::Session(ConnId(20))));
        assert_eq!(deadlines.pop_due(at(20)), None);
    }

    #[test]
    fn sessions_and_others_take_turns_and_none_comes_too_early() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(start);
        let at = |micros| start + Duration::from_micros(micros);
        deadlines.arm(at(2_001), Deadline::Session(ConnId(1)));
        deadlines.arm(at(2_000), Deadline::Inbox(ConnId(2)));
        assert_eq!(deadlines.pop_due(at(2_999)), Some(Deadline::Inbox(ConnId(2))));
        assert_eq!(deadlines.pop_due(at(2_999)), None);
        assert_eq!(deadlines.next(), Some(at(3_000)));
        assert_eq!(deadlines.pop_due(at(3_000)), Some(Deadline::Session(ConnId(1))));
    }

    #[test]
    fn memory_is_given_back() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(start);
        for n in 0..10_000 {
            deadlines.arm(start, Deadline::Session(ConnId(n)));
        }
        while deadlines.pop_due(start).is_some() {}
        assert!(deadlines.sessions.capacity() <= KEPT);
    }
}
