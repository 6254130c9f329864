//! Writes that wait. Those who deposit or log in wait for the answer; for a removal no client does,
//! and when many come back at once there are many. So other writes may go before removals that came
//! before them, unless they belong to the same queue of messages. No removal goes before a write
//! that came before it, and all else keeps its order. No lock and no thread in here.

use std::collections::{HashMap, VecDeque};

use chatproto::UserId;

use super::queue::Waiting;
use crate::storage::Write;

/// Rows that are removed in a commit by themselves, for which those who come meanwhile have to
/// wait: some hundredths of a second of a database server.
const ROWS_AT_ONCE: usize = 2048;
/// While more rows than that are to be removed, all keep their order: those who would have more of
/// them removed then wait as well. Some seconds' work of a database server.
const ROWS_BEHIND: usize = 1 << 18;
/// The same for the number of removals, a quarter of what may wait in all.
const REMOVALS_BEHIND: usize = 1 << 14;
/// Room for so many is kept while nothing waits.
const ROOM_KEPT: usize = 256;

/// See the module.
pub(super) struct Backlog<T> {
    /// All but removals, each with the number of the first removal that came after it.
    others: VecDeque<(u64, (T, Write))>,
    /// `None` for those that were taken with another write of their user.
    removals: VecDeque<Option<(T, Write)>>,
    /// The number of the first of them.
    first: u64,
    /// The numbers of each user's.
    own: HashMap<UserId, VecDeque<u64>>,
    removals_waiting: usize,
    rows_waiting: usize,
    limits: Limits,
}

/// How much one [`Backlog::take`] gives out; always one write, if one waits.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// Writes, and the removals that go with them.
    pub(super) writes: usize,
    /// Bytes of messages in deposits.
    pub(super) bytes: usize,
}

impl<T> Backlog<T> {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            others: VecDeque::new(),
            removals: VecDeque::new(),
            first: 0,
            own: HashMap::new(),
            removals_waiting: 0,
            rows_waiting: 0,
            limits,
        }
    }

    /// Takes other writes, with the removals that must go before them.
    fn take_others(&mut self, batch: &mut Vec<(T, Write)>) {
        let mut bytes_left = self.limits.bytes;
        let rows_left = self.rows_waiting.saturating_sub(ROWS_AT_ONCE);
        while let Some((before, (_, write))) = self.others.front() {
            let (before, bytes, user) = (*before, bytes_of(write), write.queue());
            let is_full = batch.len() >= self.limits.writes
                || bytes > bytes_left
                || self.rows_waiting < rows_left;
            if is_full && !batch.is_empty() {
                return;
            }
            let keeps_order = matches!(write, Write::Barrier) || self.is_behind();
            let may_go = if keeps_order {
                self.take_removals(before, batch)
            } else {
                user.is_none_or(|user| self.take_own(user, before, batch))
            };
            if !may_go {
                return;
            }
            bytes_left = bytes_left.saturating_sub(bytes);
            batch.extend(self.others.pop_front().map(|(_, write)| write));
        }
    }

    /// Takes the user's removals that came before number `before`, while they are not too many for
    /// a commit. Returns whether all were taken.
    fn take_own(&mut self, user: UserId, before: u64, batch: &mut Vec<(T, Write)>) -> bool {
        let mut rows = 0;
        while let Some(number) = self.own.get(&user).and_then(VecDeque::front)
            && *number < before
        {
            if rows >= ROWS_AT_ONCE {
                return false;
            }
            let at = (*number - self.first) as usize;
            let removal = self.take_removal(at);
            rows += removal.as_ref().map_or(0, |(_, write)| rows_of(write));
            batch.extend(removal);
        }
        true
    }

    /// Takes removals that came before number `before`, the oldest first, while they are not too
    /// many for a commit. Returns whether all were taken.
    fn take_removals(&mut self, before: u64, batch: &mut Vec<(T, Write)>) -> bool {
        let mut rows = 0;
        while rows < ROWS_AT_ONCE && self.first < before {
            if let Some(removal) = self.take_removal(0) {
                rows += rows_of(&removal.1);
                batch.push(removal);
            }
            self.removals.pop_front();
            self.first += 1;
        }
        self.first >= before
    }

    fn take_removal(&mut self, at: usize) -> Option<(T, Write)> {
        let (tag, write) = self.removals.get_mut(at)?.take()?;
        self.removals_waiting -= 1;
        self.rows_waiting -= rows_of(&write);
        if let Write::Remove { recipient, .. } = &write
            && let Some(numbers) = self.own.get_mut(recipient)
        {
            // A user's are taken in their order, whichever way they are taken.
            numbers.pop_front();
            if numbers.is_empty() {
                self.own.remove(recipient);
            }
        }
        Some((tag, write))
    }

    fn is_behind(&self) -> bool {
        self.rows_waiting > ROWS_BEHIND || self.removals_waiting > REMOVALS_BEHIND
    }

    /// The number of the next removal.
    fn next(&self) -> u64 {
        self.first + self.removals.len() as u64
    }
}

impl<T> Waiting for Backlog<T> {
    type Job = (T, Write);

    fn len(&self) -> usize {
        self.others.len() + self.removals_waiting
    }

    fn push(&mut self, (tag, write): (T, Write)) {
        let number = self.next();
        let Write::Remove { recipient, .. } = &write else {
            return self.others.push_back((number, (tag, write)));
        };
        self.removals_waiting += 1;
        self.rows_waiting += rows_of(&write);
        self.own.entry(*recipient).or_default().push_back(number);
        self.removals.push_back(Some((tag, write)));
    }

    fn take(&mut self) -> Vec<(T, Write)> {
        let mut batch = Vec::new();
        self.take_others(&mut batch);
        let before = self.others.front().map_or_else(|| self.next(), |(before, _)| *before);
        self.take_removals(before, &mut batch);
        if self.len() == 0 {
            self.others.shrink_to(ROOM_KEPT);
            self.removals.shrink_to(ROOM_KEPT);
            self.own.shrink_to(ROOM_KEPT);
        }
        batch
    }

    fn takers(&self, _jobs: usize) -> usize {
        1
    }
}

/// What counts against the bytes of a batch.
fn bytes_of(write: &Write) -> usize {
    match write {
        Write::Deposit { messages, .. } => messages.iter().map(|message| message.size()).sum(),
        _ => 0,
    }
}

/// What counts against the rows of a commit.
fn rows_of(write: &Write) -> usize {
    match write {
        Write::Remove { rows, .. } => rows.len().max(1),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
