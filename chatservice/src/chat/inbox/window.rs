//! What was pushed to a client and is not acknowledged yet, by ascending number.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::Debt;
use crate::message::{Message, Sid};
use crate::storage::{PageLimit, Row, RowId};

/// Objects in flight to one client; the contract's number.
const WINDOW_MAX: usize = 256;
/// Their bytes; so that the output queue of a client that does not read stays small.
const WINDOW_BYTES_MAX: usize = 1 << 20;

/// One pushed message.
#[derive(Debug)]
pub(super) struct Pushed {
    pub(super) sid: Sid,
    size: usize,
    /// Kept only as long as no row holds it: a client that acknowledges late costs no memory.
    pub(super) message: Option<Arc<Message>>,
    /// Who is to be told; `None` once told, and for what came from a row.
    pub(super) debt: Option<Debt>,
    /// The row that holds it too, to be removed when it is acknowledged.
    pub(super) row: Option<RowId>,
    at: Instant,
}

impl Pushed {
    pub(super) fn live(at: Instant, message: Arc<Message>, debt: Debt) -> Self {
        let (sid, size) = (message.sid, message.size());
        Self { sid, size, message: Some(message), debt: Some(debt), row: None, at }
    }

    /// `debt`: it has also come live.
    pub(super) fn row(at: Instant, row: &Row, debt: Option<Debt>) -> Self {
        let (sid, size) = (row.message.sid, row.message.size());
        Self { sid, size, message: None, debt, row: Some(row.id), at }
    }
}

impl Pushed {
    fn hold_by(&mut self, row: RowId) {
        self.row = Some(row);
        self.message = None;
    }
}

/// See the module. One that shows nothing and has rested holds no more than this.
#[derive(Debug, Default)]
pub(super) struct Window {
    shown: VecDeque<Pushed>,
    /// Of what is shown.
    bytes: usize,
    /// Numbers given out so far.
    last_seq: u64,
}

impl Window {
    /// Takes it in and gives it its number.
    pub(super) fn push(&mut self, pushed: Pushed) -> u64 {
        if self.shown.capacity() == 0 {
            // Most conversations have no more than one under way.
            self.shown.reserve_exact(1);
        }
        self.bytes += pushed.size;
        self.shown.push_back(pushed);
        self.last_seq += 1;
        self.last_seq
    }

    /// Takes out the oldest one if its number is at most `seq`.
    pub(super) fn pop_up_to(&mut self, seq: u64) -> Option<Pushed> {
        let oldest = self.last_seq + 1 - self.shown.len() as u64;
        if oldest > seq {
            return None;
        }
        let pushed = self.shown.pop_front()?;
        self.bytes -= pushed.size;
        Some(pushed)
    }

    /// A row holds a message that was pushed: false when it is not here.
    pub(super) fn bind(&mut self, sid: Sid, row: RowId) -> bool {
        self.find(sid).map(|pushed| pushed.hold_by(row)).is_some()
    }

    /// A row holds a message, if it is still here: who is to be told that, for the last time.
    pub(super) fn settle(&mut self, sid: Sid, row: RowId) -> Option<Debt> {
        let pushed = self.find(sid)?;
        pushed.hold_by(row);
        pushed.debt.take()
    }

    /// Whether the message was pushed and is not acknowledged; then `debt` is to be told.
    pub(super) fn adopt(&mut self, sid: Sid, debt: Debt) -> bool {
        self.find(sid).map(|pushed| pushed.debt = Some(debt)).is_some()
    }

    /// Gives up the debt of a message that stays pushed.
    pub(super) fn forgive(&mut self, sid: Sid) -> Option<Debt> {
        self.find(sid)?.debt.take()
    }

    /// Takes out all.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Pushed> + use<> {
        self.bytes = 0;
        std::mem::take(&mut self.shown).into_iter()
    }

    pub(super) fn debts_without_row(&self) -> Vec<Arc<Message>> {
        let owed = self.shown.iter().filter(|pushed| pushed.debt.is_some());
        owed.filter_map(|pushed| pushed.message.clone()).collect()
    }

    /// How much more may be pushed now; `None` when nothing may.
    pub(super) fn room(&self) -> Option<PageLimit> {
        let rows = WINDOW_MAX.saturating_sub(self.shown.len());
        let bytes = WINDOW_BYTES_MAX.saturating_sub(self.bytes);
        (rows > 0 && bytes > 0).then_some(PageLimit { rows, bytes })
    }

    pub(super) fn next_seq(&self) -> u64 {
        self.last_seq + 1
    }

    /// Gives back the memory of an empty window.
    pub(super) fn rest(&mut self) {
        if self.shown.is_empty() {
            self.shown = VecDeque::new();
        }
    }

    #[cfg(test)]
    pub(super) fn has_rested(&self) -> bool {
        self.shown.capacity() == 0
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    pub(super) fn has_debts(&self) -> bool {
        self.shown.iter().any(|pushed| pushed.debt.is_some())
    }

    pub(super) fn oldest(&self) -> Option<Instant> {
        self.shown.front().map(|pushed| pushed.at)
    }

    pub(super) fn oldest_debt(&self) -> Option<Instant> {
        self.shown.iter().find(|pushed| pushed.debt.is_some()).map(|pushed| pushed.at)
    }

    fn find(&mut self, sid: Sid) -> Option<&mut Pushed> {
        self.shown.iter_mut().find(|pushed| pushed.sid == sid)
    }
}
