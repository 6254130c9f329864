//! What an inbox has only when its client does not keep up, or while rows are being written.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use rustc_hash::FxHashSet;

use super::Debt;
use super::deposit::Deposit;
use crate::message::{Message, Sid};
use crate::storage::{PageLimit, RowId};

/// Live messages that may wait for room in the window before they become rows, …
pub(super) const BACKLOG_MAX: usize = 1024;
/// … and their bytes.
const BACKLOG_BYTES_MAX: usize = 1 << 20;

/// A live message that is not shown yet.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) message: Arc<Message>,
    pub(super) debt: Debt,
    pub(super) since: Instant,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Excess {
    backlog: VecDeque<Waiting>,
    backlog_bytes: usize,
    /// Messages whose rows are being removed; a drain that reads them once more skips them.
    pub(super) removing: FxHashSet<Sid>,
    /// Those whose rows are gone, though a read that began before may still bring them.
    pub(super) removed: Vec<Sid>,
    pub(super) deposit: Option<Deposit>,
    /// What is asked of the store at present.
    pub(super) reading: Option<PageLimit>,
    /// Rows from behind this one on came while the drain was held or reading.
    pub(super) mailed: Option<RowId>,
}

impl Excess {
    pub(super) fn is_empty(&self) -> bool {
        let asks = self.reading.is_some() || self.mailed.is_some();
        self.is_settled() && !self.is_writing() && self.removed.is_empty() && !asks
    }

    /// Whether no debt is kept in memory here.
    pub(super) fn is_settled(&self) -> bool {
        self.backlog.is_empty() && self.deposit.is_none()
    }

    /// Whether writes that were asked for may not be committed yet.
    pub(super) fn is_writing(&self) -> bool {
        !self.removing.is_empty() || self.deposit.is_some()
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// Whether more waits than `times` the bounds of the backlog.
    pub(super) fn has_waiting_beyond(&self, times: usize) -> bool {
        self.backlog.len() > BACKLOG_MAX * times || self.backlog_bytes > BACKLOG_BYTES_MAX * times
    }

    pub(super) fn push_waiting(&mut self, waiting: Waiting) {
        self.backlog_bytes += waiting.message.size();
        self.backlog.push_back(waiting);
    }

    pub(super) fn pop_waiting(&mut self) -> Option<Waiting> {
        let waiting = self.backlog.pop_front()?;
        self.backlog_bytes -= waiting.message.size();
        Some(waiting)
    }

    /// Takes out all that waits.
    pub(super) fn take_waiting(&mut self) -> VecDeque<Waiting> {
        self.backlog_bytes = 0;
        std::mem::take(&mut self.backlog)
    }

    /// Takes out this message, if it waits.
    pub(super) fn take(&mut self, sid: Sid) -> Option<Waiting> {
        let index = self.backlog.iter().position(|waiting| waiting.message.sid == sid)?;
        let waiting = self.backlog.remove(index)?;
        self.backlog_bytes -= waiting.message.size();
        Some(waiting)
    }

    /// This message, if it waits, be it for a deposit under way.
    pub(super) fn find(&mut self, sid: Sid) -> Option<&mut Waiting> {
        let deposited = self.deposit.iter_mut().flat_map(|deposit| &mut deposit.waiting);
        let mut waiting = self.backlog.iter_mut().chain(deposited);
        waiting.find(|waiting| waiting.message.sid == sid)
    }

    pub(super) fn oldest_waiting(&self) -> Option<Instant> {
        self.backlog.front().map(|waiting| waiting.since)
    }

    /// Rows behind `before` came too late, or too early, for the drain.
    pub(super) fn note_mail(&mut self, before: RowId) {
        self.mailed = Some(self.mailed.map_or(before, |known| known.min(before)));
    }

    pub(super) fn forget_removed(&mut self) {
        for sid in self.removed.drain(..) {
            self.removing.remove(&sid);
        }
    }
}
