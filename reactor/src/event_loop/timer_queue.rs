//! When which timer is due. Pure: time comes in as an argument, nothing is called back.

use slab::Slab;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

/// The shortest period of a repeating timer; the wait of the loop has this resolution.
pub const PERIOD_MIN: Duration = Duration::from_millis(1);

/// Cancelled timers that the order may hold besides as many as there are others.
const CANCELLED_MIN: usize = 64;

/// Names one timer of one loop; never reused, not by other loops of the process either. Cancelling
/// it after it fired, or on another loop, does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId {
    pub(crate) number: u64,
    /// The slot in the queue and one, so that an `Option` of this is not larger.
    place: NonZeroUsize,
}

impl TimerId {
    /// The name of a timer that is yet to be added to a queue, for those who cannot reach it.
    pub(crate) fn without_place(number: u64) -> Self {
        Self { number, place: NonZeroUsize::MAX }
    }

    fn in_slot(number: u64, slot: usize) -> Self {
        Self { number, place: NonZeroUsize::MIN.saturating_add(slot) }
    }

    fn slot(self) -> usize {
        self.place.get() - 1
    }
}

/// Timers in order of their deadline; those of one instant in the order of their ids.
///
/// A batch of due timers is taken in two steps, so that a timer can be cancelled by another
/// one of the same batch, and a timer added by a batch is not in it.
///
/// ```
/// use reactor::TimerQueue;
/// use std::time::{Duration, Instant};
///
/// let start = Instant::now();
/// let mut timers = TimerQueue::new();
/// timers.add(1, start + Duration::from_secs(1), None, "tea");
/// timers.add(2, start + Duration::from_secs(9), None, "cake");
/// timers.expire(start + Duration::from_secs(2));
/// assert_eq!(timers.take_due().map(|(_, what)| what), Some("tea"));
/// assert!(timers.take_due().is_none());
/// ```
#[derive(Debug)]
pub struct TimerQueue<T> {
    entries: Slab<Entry<T>>,
    /// The earliest first. A cancelled timer stays until it is the earliest, or there are too many.
    order: BinaryHeap<Reverse<(Instant, TimerId)>>,
    due: VecDeque<TimerId>,
}

#[derive(Debug)]
struct Entry<T> {
    number: u64,
    deadline: Instant,
    period: Option<Duration>,
    phase: Phase<T>,
}

#[derive(Debug)]
enum Phase<T> {
    /// In `order`.
    Waiting(T),
    /// In `due`.
    Due(T),
    /// A repeating timer whose value was taken and may come back.
    Firing,
}

impl<T> TimerQueue<T> {
    /// An empty queue.
    pub fn new() -> Self {
        Self { entries: Slab::new(), order: BinaryHeap::new(), due: VecDeque::new() }
    }

    /// Adds a timer; with a `period` (at least [`PERIOD_MIN`]) it can be put back to repeat.
    ///
    /// `number` must be new to this queue: the caller numbers them, because names are handed out on
    /// threads that cannot reach the queue.
    pub fn add(
        &mut self,
        number: u64,
        deadline: Instant,
        period: Option<Duration>,
        value: T,
    ) -> TimerId {
        let period = period.map(|period| period.max(PERIOD_MIN));
        let entry = Entry { number, deadline, period, phase: Phase::Waiting(value) };
        let id = TimerId::in_slot(number, self.entries.insert(entry));
        self.order.push(Reverse((deadline, id)));
        id
    }

    /// Removes a timer and returns its value, if the queue has it. A due or firing one is
    /// removed too: it does not run, or does not run again.
    pub fn cancel(&mut self, id: TimerId) -> Option<T> {
        let entry = self.remove(id)?;
        self.clear_order();
        match entry.phase {
            Phase::Waiting(value) | Phase::Due(value) => Some(value),
            Phase::Firing => None,
        }
    }

    /// As [`TimerQueue::cancel`], for all timers whose value is one that `is_over`.
    pub(crate) fn cancel_all(&mut self, is_over: impl Fn(&T) -> bool) {
        self.entries.retain(|_, entry| match &entry.phase {
            Phase::Waiting(value) | Phase::Due(value) => !is_over(value),
            Phase::Firing => true,
        });
        self.clear_order();
    }

    /// Moves all timers with a deadline up to `now` to the due batch.
    pub fn expire(&mut self, now: Instant) {
        while let Some((deadline, id)) = self.earliest()
            && deadline <= now
        {
            self.order.pop();
            let entry = &mut self.entries[id.slot()];
            if let Phase::Waiting(value) = std::mem::replace(&mut entry.phase, Phase::Firing) {
                entry.phase = Phase::Due(value);
            }
            self.due.push_back(id);
        }
    }

    /// Takes the next timer of the due batch that has not been cancelled.
    pub fn take_due(&mut self) -> Option<(TimerId, T)> {
        while let Some(id) = self.due.pop_front() {
            let Some(entry) = self.entry_mut(id) else { continue };
            let Phase::Due(value) = std::mem::replace(&mut entry.phase, Phase::Firing) else {
                continue;
            };
            if entry.period.is_none() {
                self.remove(id);
            }
            return Some((id, value));
        }
        None
    }

    /// Puts a repeating timer back after it fired, at the first multiple of its period after
    /// `now`: the rhythm does not drift, missed beats are skipped. A timer that was cancelled
    /// while it fired is dropped.
    pub fn put_back(&mut self, id: TimerId, value: T, now: Instant) {
        let Some(entry) = self.entry_mut(id) else { return };
        let Some(period) = entry.period else { return };
        let deadline = next_beat(entry.deadline, period, now);
        (entry.deadline, entry.phase) = (deadline, Phase::Waiting(value));
        self.order.push(Reverse((deadline, id)));
    }

    /// The earliest deadline; timers already due do not count.
    pub fn next_deadline(&mut self) -> Option<Instant> {
        self.earliest().map(|(deadline, _)| deadline)
    }

    /// Timers that wait, are due, or are firing and may repeat.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no timer.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The first in the order, after those in front of it that were cancelled are gone.
    fn earliest(&mut self) -> Option<(Instant, TimerId)> {
        loop {
            let &Reverse((deadline, id)) = self.order.peek()?;
            if holds(&self.entries, id) {
                return Some((deadline, id));
            }
            self.order.pop();
        }
    }

    /// Drops those that were cancelled from the order, if they are too many.
    fn clear_order(&mut self) {
        if self.order.len() > 2 * self.entries.len() + CANCELLED_MIN {
            let entries = &self.entries;
            self.order.retain(|&Reverse((_, id))| holds(entries, id));
        }
    }

    fn entry_mut(&mut self, id: TimerId) -> Option<&mut Entry<T>> {
        self.entries.get_mut(id.slot()).filter(|entry| entry.number == id.number)
    }

    fn remove(&mut self, id: TimerId) -> Option<Entry<T>> {
        holds(&self.entries, id).then(|| self.entries.remove(id.slot()))
    }
}

fn holds<T>(entries: &Slab<Entry<T>>, id: TimerId) -> bool {
    entries.get(id.slot()).is_some_and(|entry| entry.number == id.number)
}

impl<T> Default for TimerQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// `now + delay`, or about thirty years ahead where the clock cannot count so far.
pub(crate) fn deadline_after(now: Instant, delay: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
    now.checked_add(delay.min(FAR)).unwrap_or(now)
}

/// The first of `deadline + period`, `deadline + 2 * period`, ... that is after `now`.
fn next_beat(deadline: Instant, period: Duration, now: Instant) -> Instant {
    let late = now.saturating_duration_since(deadline).as_nanos();
    let beats = late / period.as_nanos() + 1;
    // A period is at least a millisecond, so only centuries of lateness could saturate.
    let periods = u32::try_from(beats).unwrap_or(u32::MAX);
    deadline_after(deadline, period.saturating_mul(periods))
}

#[cfg(test)]
mod tests;
