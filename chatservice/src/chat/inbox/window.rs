//! What was pushed to a client and is not acknowledged yet, by ascending number.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::Debt;
use crate::message::{Message, Sid};
use crate::storage::{Row, RowId};

/// Objects in flight to one client; the contract's number.
const WINDOW_MAX: usize = 256;
/// Their bytes; so that the output queue of a client that does not read stays small.
const WINDOW_BYTES_MAX: usize = 1 << 20;

/// One pushed message.
#[derive(Debug)]
pub(super) struct Pushed {
    pub(super) message: Arc<Message>,
    /// Who is to be told; `None` once told, and for what came from a row.
    pub(super) debt: Option<Debt>,
    /// The row that holds it too, to be removed when it is acknowledged.
    pub(super) row: Option<RowId>,
    at: Instant,
}

impl Pushed {
    pub(super) fn live(at: Instant, message: Arc<Message>, debt: Debt) -> Self {
        Self { message, debt: Some(debt), row: None, at }
    }

    pub(super) fn row(at: Instant, row: Row) -> Self {
        Self { message: row.message, debt: None, row: Some(row.id), at }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Window {
    pushed: VecDeque<Pushed>,
    bytes: usize,
    /// Numbers given out so far.
    last_seq: u64,
}

impl Window {
    /// Takes it in and gives it its number.
    pub(super) fn push(&mut self, pushed: Pushed) -> u64 {
        self.bytes += pushed.message.size();
        self.pushed.push_back(pushed);
        self.last_seq += 1;
        self.last_seq
    }

    /// Takes out the oldest one if its number is at most `seq`.
    pub(super) fn pop_up_to(&mut self, seq: u64) -> Option<Pushed> {
        let oldest = self.next_seq() - self.pushed.len() as u64;
        if oldest > seq {
            return None;
        }
        let pushed = self.pushed.pop_front()?;
        self.bytes -= pushed.message.size();
        Some(pushed)
    }

    /// A row holds a message that was pushed: false when it is not here.
    pub(super) fn bind(&mut self, sid: Sid, row: RowId) -> bool {
        let found = self.pushed.iter_mut().find(|pushed| pushed.message.sid == sid);
        found.map(|pushed| pushed.row = Some(row)).is_some()
    }

    /// As [`Self::bind`], and nobody needs to be told any more: what was to be told, or `Err`
    /// when the message is not here.
    pub(super) fn settle(&mut self, sid: Sid, row: RowId) -> Result<Option<Debt>, NotInWindow> {
        let found = self.pushed.iter_mut().find(|pushed| pushed.message.sid == sid);
        let pushed = found.ok_or(NotInWindow)?;
        pushed.row = Some(row);
        Ok(pushed.debt.take())
    }

    /// Gives up the debt of a message that stays pushed.
    pub(super) fn forgive(&mut self, sid: Sid) -> Option<Debt> {
        self.pushed.iter_mut().find(|pushed| pushed.message.sid == sid)?.debt.take()
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = Pushed> + '_ {
        self.bytes = 0;
        self.pushed.drain(..)
    }

    pub(super) fn debts_without_row(&self) -> Vec<Arc<Message>> {
        let owed =
            self.pushed.iter().filter(|pushed| pushed.debt.is_some() && pushed.row.is_none());
        owed.map(|pushed| Arc::clone(&pushed.message)).collect()
    }

    /// How many more may be pushed now.
    pub(super) fn room(&self) -> usize {
        if self.bytes >= WINDOW_BYTES_MAX {
            return 0;
        }
        WINDOW_MAX - self.pushed.len().min(WINDOW_MAX)
    }

    pub(super) fn next_seq(&self) -> u64 {
        self.last_seq + 1
    }

    pub(super) fn contains(&self, sid: Sid) -> bool {
        self.pushed.iter().any(|pushed| pushed.message.sid == sid)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pushed.is_empty()
    }

    pub(super) fn has_debts(&self) -> bool {
        self.pushed.iter().any(|pushed| pushed.debt.is_some())
    }

    pub(super) fn oldest(&self) -> Option<Instant> {
        self.pushed.front().map(|pushed| pushed.at)
    }

    pub(super) fn oldest_debt(&self) -> Option<Instant> {
        self.pushed.iter().find(|pushed| pushed.debt.is_some()).map(|pushed| pushed.at)
    }
}

/// The message was acknowledged meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotInWindow;
