//! The recipient's side of delivery: what one online user is being shown.
//!
//! ```text
//!  live messages ──► backlog ──► window ──► client
//!  stored rows ─────────────────►  (at most 256 pushed and not yet acknowledged)
//! ```
//!
//! Rows come before live messages: while a drain is wanted or running, live ones wait in the
//! backlog. A client that does not acknowledge, or whose backlog overflows, gets rows for what it
//! owes, so nobody's memory holds a debt for long. Rows are removed by what was acknowledged.

mod deposit;
mod window;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;

use super::effect::{LaneKey, Refusal, Settlement, ShardId};
use crate::message::{Message, Sid};
use crate::storage::{PageLimit, Row, RowId};
use deposit::Deposit;
use window::{Pushed, Window};

/// Live messages that may wait for room in the window before they become rows, …
const BACKLOG_MAX: usize = 1024;
/// … and their bytes.
const BACKLOG_BYTES_MAX: usize = 1 << 20;
/// Past this many times the backlog bounds, while a deposit is under way, messages are refused.
const SWAMPED_FACTOR: usize = 8;

/// Where the debt of a live message is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Debt {
    /// The shard of the sender's side.
    pub home: ShardId,
    /// Which lane there.
    pub lane: LaneKey,
}

/// What the inbox wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Show this to the client, with this number.
    Push {
        /// 1, 2, 3 … on this connection.
        seq: u64,
        /// What.
        message: Arc<Message>,
    },
    /// Tell the sender's side how a debt ended.
    Settle {
        /// Whose.
        debt: Debt,
        /// Which.
        sid: Sid,
        /// How.
        how: Settlement,
    },
    /// Tell the sender's side that the debt is still its own.
    NotHere(Debt),
    /// Fetch rows; the answer comes to [`Inbox::handle_rows`].
    Read {
        /// Above this one.
        after: RowId,
        /// As many as there is room for.
        limit: PageLimit,
    },
    /// Write rows; the answer comes to [`Inbox::handle_deposited`].
    Deposit(Vec<Arc<Message>>),
    /// Take out the rows of these messages; the answer comes to [`Inbox::handle_removed`].
    Remove {
        /// Which rows.
        rows: Vec<RowId>,
        /// Whose.
        sids: Vec<Sid>,
    },
    /// Take out the rows that a deposit under way will have made of these; the answer comes to
    /// [`Inbox::handle_removed`].
    Withdraw(Vec<Arc<Message>>),
    /// Call [`Inbox::handle_deadline`] then.
    Arm(Instant),
}

/// How far the stored rows have been shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drain {
    /// The login is not answered yet; rows from `mailed` on came meanwhile.
    Held { mailed: Option<RowId> },
    /// There may be rows above the cursor.
    Wanted,
    /// They are being fetched; rows from `mailed` on may have come too late for it.
    Reading { limit: PageLimit, mailed: Option<RowId> },
    /// The store did not answer; to be tried again at the next deadline.
    Stalled,
    /// Everything stored was shown: live messages may pass.
    Done,
}

#[derive(Debug)]
struct Waiting {
    message: Arc<Message>,
    debt: Debt,
    since: Instant,
}

/// See the module.
#[derive(Debug)]
pub struct Inbox {
    window: Window,
    backlog: VecDeque<Waiting>,
    backlog_bytes: usize,
    drain: Drain,
    /// Rows up to here were shown.
    cursor: RowId,
    /// Messages whose rows are being removed; a drain that reads them once more skips them.
    removing: FxHashSet<Sid>,
    /// Those whose rows are gone, though a read that began before may still bring them.
    removed: Vec<Sid>,
    deposit: Option<Deposit>,
    patience: Duration,
    armed: bool,
    actions: Vec<Action>,
}

impl Inbox {
    /// `patience`: how long a client may leave a message unacknowledged before it becomes a row.
    pub fn new(patience: Duration) -> Self {
        Self {
            window: Window::default(),
            backlog: VecDeque::new(),
            backlog_bytes: 0,
            drain: Drain::Held { mailed: None },
            cursor: RowId::default(),
            removing: FxHashSet::default(),
            removed: Vec::new(),
            deposit: None,
            patience,
            armed: false,
            actions: Vec::new(),
        }
    }

    /// What is to be done, in order; to be called after every `handle_*`.
    pub fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// Gives the memory of a list of actions back for the next one.
    pub fn reuse_actions(&mut self, mut actions: Vec<Action>) {
        actions.clear();
        self.actions = actions;
    }

    /// Whether no debt is kept in memory here.
    pub fn is_settled(&self) -> bool {
        !self.window.has_debts() && self.backlog.is_empty() && self.deposit.is_none()
    }

    /// Whether writes that it asked for may not be committed yet.
    pub fn is_writing(&self) -> bool {
        !self.removing.is_empty() || self.deposit.is_some()
    }

    /// The login was answered: start with what is stored.
    pub fn open(&mut self, now: Instant) {
        if let Drain::Held { .. } = self.drain {
            self.drain = Drain::Wanted;
        }
        self.pump(now);
    }

    /// The first rows of an original client, which go into the login answer: shown as all others,
    /// though not by [`Action::Push`]. Call [`Self::open`] after it.
    pub fn first_page(&mut self, now: Instant, rows: Vec<Row>, limit: PageLimit) {
        let Drain::Held { mailed } = self.drain else { return };
        let complete = !limit.is_reached_by(&rows);
        for row in rows {
            self.cursor = row.id;
            let debt = self.take_from_backlog(row.message.sid);
            self.window.push(Pushed::row(now, &row, debt));
        }
        self.drain = if complete && mailed.is_none() { Drain::Done } else { Drain::Wanted };
        self.cursor = self.cursor.min(mailed.unwrap_or(self.cursor));
    }

    /// A live message. `again` when it may be here already.
    pub fn handle_message(&mut self, now: Instant, message: Arc<Message>, debt: Debt, again: bool) {
        if again && self.adopt(message.sid, debt) {
            return;
        }
        if self.backlog.is_empty() && self.may_push_live() {
            self.push(Pushed::live(now, Arc::clone(&message), debt), message);
        } else if self.is_swamped() {
            let how = Settlement::Refused(Refusal::Swamped);
            self.actions.push(Action::Settle { debt, sid: message.sid, how });
        } else {
            self.backlog_bytes += message.size();
            self.backlog.push_back(Waiting { message, debt, since: now });
        }
        let full = self.backlog.len() > BACKLOG_MAX || self.backlog_bytes > BACKLOG_BYTES_MAX;
        if full || self.is_silent(now) {
            self.store_debts();
        }
        self.arm(now);
    }

    /// Rows from `first` on were committed by somebody.
    pub fn handle_mail(&mut self, now: Instant, first: RowId) {
        let before = RowId(first.0 - 1);
        match &mut self.drain {
            Drain::Held { mailed } | Drain::Reading { mailed, .. } => {
                *mailed = Some(mailed.map_or(before, |known| known.min(before)));
            }
            Drain::Wanted | Drain::Stalled => self.cursor = self.cursor.min(before),
            Drain::Done => {
                self.cursor = self.cursor.min(before);
                self.drain = Drain::Wanted;
            }
        }
        self.pump(now);
    }

    /// The answer to [`Action::Read`]; `None` when the store did not answer.
    pub fn handle_rows(&mut self, now: Instant, rows: Option<Vec<Row>>) {
        let Drain::Reading { limit, mailed } = self.drain else { return };
        let Some(rows) = rows else {
            self.forget_removed();
            self.cursor = self.cursor.min(mailed.unwrap_or(self.cursor));
            self.drain = Drain::Stalled;
            self.arm(now);
            return;
        };
        let complete = !limit.is_reached_by(&rows);
        for row in rows {
            self.cursor = self.cursor.max(row.id);
            let sid = row.message.sid;
            if self.removing.contains(&sid) || self.window.bind(sid, row.id) {
                continue;
            }
            // It may have come live as well, when a session before this one left it in a deposit.
            let debt = self.take_from_backlog(sid);
            self.push(Pushed::row(now, &row, debt), row.message);
        }
        self.forget_removed();
        self.drain = if complete && mailed.is_none() { Drain::Done } else { Drain::Wanted };
        self.cursor = self.cursor.min(mailed.unwrap_or(self.cursor));
        self.pump(now);
    }

    /// The client has everything up to `seq`. `Err` when it was never sent so much.
    pub fn handle_received(&mut self, now: Instant, seq: u64) -> Result<(), NeverPushed> {
        if seq >= self.window.next_seq() {
            return Err(NeverPushed);
        }
        let (mut rows, mut sids, mut withdrawn) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(pushed) = self.window.pop_up_to(seq) {
            let sid = pushed.sid;
            if let Some(debt) = pushed.debt {
                self.actions.push(Action::Settle { debt, sid, how: Settlement::Delivered });
            }
            if let Some(row) = pushed.row {
                rows.push(row);
                sids.push(sid);
            } else if self.deposit.as_ref().is_some_and(|deposit| deposit.shows(sid)) {
                withdrawn.extend(pushed.message);
            }
        }
        self.remove(rows, sids, withdrawn);
        self.pump(now);
        Ok(())
    }

    /// The kernel took all bytes: for an original client that is the acknowledgement.
    pub fn handle_written(&mut self, now: Instant) {
        let last = self.window.next_seq() - 1;
        self.handle_received(now, last).expect("the last number was pushed");
    }

    /// The answer to [`Action::Remove`].
    pub fn handle_removed(&mut self, sids: &[Sid]) {
        self.removed.extend(sids);
        if !matches!(self.drain, Drain::Reading { .. }) {
            self.forget_removed();
        }
    }

    /// The time of [`Action::Arm`] has come.
    pub fn handle_deadline(&mut self, now: Instant) {
        self.armed = false;
        if self.is_silent(now) {
            self.store_debts();
        }
        if self.drain == Drain::Stalled {
            self.drain = Drain::Wanted;
            self.pump(now);
        }
        self.arm(now);
    }

    /// Everything that is owed is to become rows at once: the node is shutting down.
    pub fn store_debts(&mut self) {
        if self.deposit.is_some() {
            return;
        }
        let waiting = std::mem::take(&mut self.backlog);
        self.backlog_bytes = 0;
        let deposit = Deposit { shown: self.window.debts_without_row(), waiting };
        if !deposit.is_empty() {
            self.actions.push(Action::Deposit(deposit.messages()));
            self.deposit = Some(deposit);
        }
    }

    /// The client is gone: what it has not acknowledged is owed by the sender's side again.
    pub fn close(&mut self) {
        for pushed in self.window.drain() {
            if let Some(debt) = pushed.debt {
                self.actions.push(Action::NotHere(debt));
            }
        }
        let waiting = self.deposit.take().map(|deposit| deposit.waiting).unwrap_or_default();
        for waiting in waiting.into_iter().chain(self.backlog.drain(..)) {
            self.actions.push(Action::NotHere(waiting.debt));
        }
    }

    fn pump(&mut self, now: Instant) {
        if self.drain == Drain::Wanted
            && let Some(limit) = self.window.room()
        {
            self.drain = Drain::Reading { limit, mailed: None };
            self.actions.push(Action::Read { after: self.cursor, limit });
        }
        while self.may_push_live()
            && let Some(waiting) = self.backlog.pop_front()
        {
            self.backlog_bytes -= waiting.message.size();
            let message = waiting.message;
            self.push(Pushed::live(now, Arc::clone(&message), waiting.debt), message);
        }
        self.arm(now);
    }

    fn push(&mut self, pushed: Pushed, message: Arc<Message>) {
        let seq = self.window.push(pushed);
        self.actions.push(Action::Push { seq, message });
    }

    /// Takes out rows of acknowledged messages at once, also those that a deposit under way is
    /// only making: the store keeps the order, and a session that comes next must not see them.
    fn remove(&mut self, rows: Vec<RowId>, sids: Vec<Sid>, withdrawn: Vec<Arc<Message>>) {
        if !rows.is_empty() {
            self.removing.extend(&sids);
            self.actions.push(Action::Remove { rows, sids });
        }
        if !withdrawn.is_empty() {
            self.removing.extend(withdrawn.iter().map(|message| message.sid));
            self.actions.push(Action::Withdraw(withdrawn));
        }
    }

    fn forget_removed(&mut self) {
        for sid in self.removed.drain(..) {
            self.removing.remove(&sid);
        }
    }

    /// Whether nothing stands before live messages: neither rows to come nor a full window.
    fn may_push_live(&self) -> bool {
        self.drain == Drain::Done
            && self.deposit.as_ref().is_none_or(|deposit| deposit.waiting.is_empty())
            && self.window.room().is_some()
    }

    /// Whether the message is here already; then this debt of it is the one that counts.
    fn adopt(&mut self, sid: Sid, debt: Debt) -> bool {
        let deposited = self.deposit.iter_mut().flat_map(|deposit| &mut deposit.waiting);
        let mut waiting = self.backlog.iter_mut().chain(deposited);
        if let Some(waiting) = waiting.find(|waiting| waiting.message.sid == sid) {
            waiting.debt = debt;
            return true;
        }
        self.window.adopt(sid, debt)
    }

    fn take_from_backlog(&mut self, sid: Sid) -> Option<Debt> {
        let index = self.backlog.iter().position(|waiting| waiting.message.sid == sid)?;
        let waiting = self.backlog.remove(index)?;
        self.backlog_bytes -= waiting.message.size();
        Some(waiting.debt)
    }

    fn is_swamped(&self) -> bool {
        self.backlog.len() > BACKLOG_MAX * SWAMPED_FACTOR
            || self.backlog_bytes > BACKLOG_BYTES_MAX * SWAMPED_FACTOR
    }

    fn oldest_debt(&self) -> Option<Instant> {
        let waiting = self.backlog.front().map(|waiting| waiting.since);
        self.window.oldest_debt().into_iter().chain(waiting).min()
    }

    fn is_silent(&self, now: Instant) -> bool {
        let unshown = self.window.oldest().is_some_and(|at| at + self.patience <= now);
        unshown || self.oldest_debt().is_some_and(|at| at + self.patience <= now)
    }

    fn arm(&mut self, now: Instant) {
        if self.armed {
            return;
        }
        let stalled = (self.drain == Drain::Stalled).then_some(now);
        let Some(since) = self.oldest_debt().into_iter().chain(stalled).min() else { return };
        self.armed = true;
        // Never at once: a deposit that is refused again and again must not spin.
        let soonest = now + self.patience / 8;
        self.actions.push(Action::Arm((since + self.patience).max(soonest)));
    }
}

/// An acknowledgement of something that was never pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeverPushed;
