//! What one client has sent: how many messages may be under way, when each was due, and who has yet to
//! hear of it. No socket and no clock in here.

use std::time::{Duration, Instant};

/// When messages are due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Due {
    /// When they are sent.
    AtOnce,
    /// At their place in a schedule, however late they are sent.
    Scheduled {
        /// The message that was next when the schedule began.
        base: u64,
        /// When that one is due.
        first: Instant,
        /// Seconds from one to the next.
        step: f64,
    },
}

/// A route that a client sends on, and how many are online to receive it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leg {
    pub(super) route: usize,
    pub(super) receivers: u32,
}

/// See the module. Messages take turns on the legs.
#[derive(Debug)]
pub(super) struct Flow {
    legs: Vec<Leg>,
    slots: Box<[Slot]>,
    answers: Answers,
    due: Due,
    /// Messages that may be sent now.
    held: u64,
    /// The number of the first message, and of the next one.
    first: u64,
    next: u64,
    /// The first message that is not settled.
    oldest: u64,
}

/// Whether the server answers each message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answers {
    /// It does.
    Expected,
    /// It is silent when it succeeds.
    None,
}

/// A message under way.
#[derive(Clone, Copy, Debug)]
struct Slot {
    due: Instant,
    /// Receivers that do not have it yet.
    missing: u32,
    answers: Answers,
}

/// What came of one more receipt or answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// When the message was due.
    pub(super) due: Instant,
    /// Nothing more is to come for it.
    pub(super) is_settled: bool,
}

impl Flow {
    /// At most `window` messages are under way, a power of two; they are numbered from `first` on.
    pub(super) fn new(window: usize, answers: Answers, first: u64, now: Instant) -> Self {
        assert!(window.is_power_of_two(), "messages find their slots by a mask");
        let slot = Slot { due: now, missing: 0, answers: Answers::None };
        Self {
            legs: Vec::new(),
            slots: vec![slot; window].into(),
            answers,
            due: Due::AtOnce,
            held: 0,
            first,
            next: first,
            oldest: first,
        }
    }

    /// Adds a route; only before the first message.
    pub(super) fn add(&mut self, leg: Leg) {
        self.legs.push(leg);
    }

    /// How many routes there are: the numbers of a route's messages lie so far apart.
    pub(super) fn legs(&self) -> usize {
        self.legs.len()
    }

    /// Allows so many more messages.
    pub(super) fn grant(&mut self, messages: u64) {
        self.held += messages;
    }

    /// Messages are due by a schedule from now on.
    pub(super) fn schedule(&mut self, first: Instant, step: f64) {
        self.due = Due::Scheduled { base: self.next, first, step };
    }

    /// Forgets messages that were allowed and not sent; returns how many.
    pub(super) fn give_up(&mut self) -> u64 {
        std::mem::take(&mut self.held)
    }

    /// Whether [`Self::send`] would send something.
    pub(super) fn may_send(&self) -> bool {
        self.held > 0 && self.next - self.oldest < self.slots.len() as u64
    }

    /// Takes the next message: its route and number.
    pub(super) fn send(&mut self, now: Instant) -> Option<(usize, u64)> {
        if !self.may_send() {
            return None;
        }
        let number = self.next;
        let leg = self.legs[((number - self.first) % self.legs.len() as u64) as usize];
        let due = match self.due {
            Due::AtOnce => now,
            Due::Scheduled { base, first, step } => {
                first + Duration::from_secs_f64((number - base) as f64 * step)
            }
        };
        *self.slot(number) = Slot { due, missing: leg.receivers, answers: self.answers };
        self.next += 1;
        self.held -= 1;
        Some((leg.route, number))
    }

    /// One receiver has message `number`, which is under way.
    pub(super) fn received(&mut self, number: u64) -> Option<Step> {
        let slot = self.under_way(number)?;
        slot.missing = slot.missing.checked_sub(1)?;
        Some(self.step(number))
    }

    /// The server has answered message `number`; `None` if it should not have.
    pub(super) fn answered(&mut self, number: u64) -> Option<Step> {
        let slot = self.under_way(number)?;
        if std::mem::replace(&mut slot.answers, Answers::None) == Answers::None {
            return None;
        }
        Some(self.step(number))
    }

    /// The number of the next message.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Messages that are sent and not settled, and perhaps some that are behind them.
    pub(super) fn unsettled(&self) -> u64 {
        self.next - self.oldest
    }

    fn step(&mut self, number: u64) -> Step {
        let slot = *self.slot(number);
        while self.oldest < self.next && self.slot(self.oldest).is_settled() {
            self.oldest += 1;
        }
        Step { due: slot.due, is_settled: slot.is_settled() }
    }

    fn under_way(&mut self, number: u64) -> Option<&mut Slot> {
        (self.oldest..self.next).contains(&number).then(|| self.slot(number))
    }

    fn slot(&mut self, number: u64) -> &mut Slot {
        &mut self.slots[number as usize & (self.slots.len() - 1)]
    }
}

impl Slot {
    fn is_settled(&self) -> bool {
        self.missing == 0 && self.answers == Answers::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: u64 = 1000;

    fn flow(window: usize, answers: Answers, receivers: u32) -> Flow {
        let mut flow = Flow::new(window, answers, FIRST, Instant::now());
        flow.add(Leg { route: 7, receivers });
        flow
    }

    #[test]
    fn the_window_opens_with_the_oldest_message() {
        let now = Instant::now();
        let mut flow = flow(2, Answers::None, 1);
        flow.grant(3);
        assert_eq!(
            [flow.send(now), flow.send(now), flow.send(now)],
            [Some((7, FIRST)), Some((7, FIRST + 1)), None]
        );
        assert!(flow.received(FIRST + 1).unwrap().is_settled);
        assert!(!flow.may_send());
        flow.received(FIRST).unwrap();
        assert_eq!(flow.send(now), Some((7, FIRST + 2)));
        assert_eq!(flow.unsettled(), 1);
    }

    #[test]
    fn a_message_is_settled_when_all_have_it_and_it_is_answered() {
        let mut flow = flow(4, Answers::Expected, 2);
        flow.grant(1);
        flow.send(Instant::now()).unwrap();
        assert!(!flow.received(FIRST).unwrap().is_settled);
        assert!(!flow.answered(FIRST).unwrap().is_settled);
        assert_eq!(flow.answered(FIRST), None, "one answer is enough");
        assert!(flow.received(FIRST).unwrap().is_settled);
        assert_eq!(flow.received(FIRST), None);
        assert_eq!(flow.answered(FIRST + 1), None, "it was not sent");
    }

    #[test]
    fn a_late_message_is_due_when_it_was_meant_to_be() {
        let now = Instant::now();
        let mut flow = flow(4, Answers::None, 1);
        flow.grant(2);
        flow.send(now).unwrap();
        flow.schedule(now, 0.5);
        flow.grant(1);
        let late = now + Duration::from_secs(9);
        assert_eq!(
            (flow.send(late), flow.send(late)),
            (Some((7, FIRST + 1)), Some((7, FIRST + 2)))
        );
        assert_eq!(flow.received(FIRST + 1).unwrap().due, now);
        assert_eq!(flow.received(FIRST + 2).unwrap().due, now + Duration::from_millis(500));
    }

    #[test]
    fn messages_take_turns_on_the_legs() {
        let mut flow = flow(4, Answers::None, 1);
        flow.add(Leg { route: 8, receivers: 1 });
        flow.grant(4);
        let routes: Vec<_> = std::iter::from_fn(|| flow.send(Instant::now())).collect();
        let numbers = [0, 1, 2, 3].map(|at| FIRST + at);
        assert_eq!(routes.iter().map(|(_, number)| *number).collect::<Vec<_>>(), numbers);
        assert_eq!(routes.iter().map(|(route, _)| *route).collect::<Vec<_>>(), [7, 8, 7, 8]);
        assert_eq!(flow.give_up(), 0);
    }
}
