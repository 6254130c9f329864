//! Which deadlines are to be looked at when. An entry only says "look": whoever is looked at
//! decides, and arms again; so touching a session costs nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

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
#[derive(Debug, Default)]
pub struct Deadlines {
    heap: BinaryHeap<Reverse<(Instant, Deadline)>>,
}

impl Deadlines {
    /// Look at `what` at `at`.
    pub fn arm(&mut self, at: Instant, what: Deadline) {
        self.heap.push(Reverse((at, what)));
    }

    /// When the next one is due.
    pub fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes out one that is due.
    pub fn pop_due(&mut self, now: Instant) -> Option<Deadline> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, what))| what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn due_ones_come_out_in_order_of_time() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut deadlines = Deadlines::default();
        for ms in [30, 10, 20] {
            deadlines.arm(at(ms), Deadline::Session(ConnId(ms)));
        }
        assert_eq!(deadlines.next(), Some(at(10)));
        assert_eq!(deadlines.pop_due(at(9)), None);
        assert_eq!(deadlines.pop_due(at(20)), Some(Deadline::Session(ConnId(10))));
        assert_eq!(deadlines.pop_due(at(20)), Some(Deadline::Session(ConnId(20))));
        assert_eq!(deadlines.pop_due(at(20)), None);
    }
}
