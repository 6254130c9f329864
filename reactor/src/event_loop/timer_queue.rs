//! When which timer is due. Pure: time comes in as an argument, nothing is called back.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

/// The shortest period of a repeating timer; the wait of the loop has this resolution.
pub const PERIOD_MIN: Duration = Duration::from_millis(1);

/// Names one timer of one loop; never reused, not by other loops of the process either. Cancelling
/// it after it fired, or on another loop, does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId(pub(crate) u64);

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
    entries: HashMap<TimerId, Entry<T>>,
    order: BTreeSet<(Instant, TimerId)>,
    due: VecDeque<TimerId>,
}

#[derive(Debug)]
struct Entry<T> {
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
        Self { entries: HashMap::new(), order: BTreeSet::new(), due: VecDeque::new() }
    }

    /// Adds a timer; with a `period` (at least [`PERIOD_MIN`]) it can be put back to repeat.
    ///
    /// `id` must be new to this queue: the caller numbers them, because ids are handed out on
    /// threads that cannot reach the queue.
    pub fn add(
        &mut self,
        id: u64,
        deadline: Instant,
        period: Option<Duration>,
        value: T,
    ) -> TimerId {
        let id = TimerId(id);
        let period = period.map(|period| period.max(PERIOD_MIN));
        let entry = Entry { deadline, period, phase: Phase::Waiting(value) };
        let replaced = self.entries.insert(id, entry);
        debug_assert!(replaced.is_none(), "timer ids are never reused");
        self.order.insert((deadline, id));
        id
    }

    /// Removes a timer and returns its value, if the queue has it. A due or firing one is
    /// removed too: it does not run, or does not run again.
    pub fn cancel(&mut self, id: TimerId) -> Option<T> {
        let entry = self.entries.remove(&id)?;
        match entry.phase {
            Phase::Waiting(value) => {
                self.order.remove(&(entry.deadline, id));
                Some(value)
            }
            Phase::Due(value) => Some(value),
            Phase::Firing => None,
        }
    }

    /// As [`TimerQueue::cancel`], for all timers whose value is one that `is_over`.
    pub(crate) fn cancel_all(&mut self, is_over: impl Fn(&T) -> bool) {
        let order = &mut self.order;
        self.entries.retain(|&id, entry| match &entry.phase {
            Phase::Waiting(value) | Phase::Due(value) if is_over(value) => {
                order.remove(&(entry.deadline, id));
                false
            }
            _ => true,
        });
    }

    /// Moves all timers with a deadline up to `now` to the due batch.
    pub fn expire(&mut self, now: Instant) {
        while let Some(&(deadline, id)) = self.order.first() {
            if deadline > now {
                break;
            }
            self.order.pop_first();
            if let Some(entry) = self.entries.get_mut(&id) {
                if let Phase::Waiting(value) = std::mem::replace(&mut entry.phase, Phase::Firing) {
                    entry.phase = Phase::Due(value);
                }
                self.due.push_back(id);
            }
        }
    }

    /// Takes the next timer of the due batch that has not been cancelled.
    pub fn take_due(&mut self) -> Option<(TimerId, T)> {
        while let Some(id) = self.due.pop_front() {
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            let Phase::Due(value) = std::mem::replace(&mut entry.phase, Phase::Firing) else {
                continue;
            };
            if entry.period.is_none() {
                self.entries.remove(&id);
            }
            return Some((id, value));
        }
        None
    }

    /// Puts a repeating timer back after it fired, at the first multiple of its period after
    /// `now`: the rhythm does not drift, missed beats are skipped. A timer that was cancelled
    /// while it fired is dropped.
    pub fn put_back(&mut self, id: TimerId, value: T, now: Instant) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let Some(period) = entry.period else { return };
        entry.deadline = next_beat(entry.deadline, period, now);
        entry.phase = Phase::Waiting(value);
        self.order.insert((entry.deadline, id));
    }

    /// The earliest deadline; timers already due do not count.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.order.first().map(|&(deadline, _)| deadline)
    }

    /// Timers that wait, are due, or are firing and may repeat.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no timer.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
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
