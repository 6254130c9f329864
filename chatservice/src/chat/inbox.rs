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
mod excess;
mod window;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::effect::{LaneKey, Refusal, Settlement, ShardId};
use crate::message::{Message, Sid};
use crate::storage::{PageLimit, Row, RowId};
use deposit::Deposit;
use excess::{Excess, Waiting};
use window::{Pushed, Window};

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
    /// The login is not answered yet.
    Held,
    /// There may be rows above the cursor.
    Wanted,
    /// They are being fetched.
    Reading,
    /// The store did not answer; to be tried again at the next deadline.
    Stalled,
    /// Everything stored was shown: live messages may pass.
    Done,
}

/// See the module. There is one for each client, and most have nothing to show: it is small, and
/// [`Self::rest`] gives back what it needed while there was.
#[derive(Debug)]
pub struct Inbox {
    window: Window,
    /// Only while there is any.
    excess: Option<Box<Excess>>,
    drain: Drain,
    /// Rows up to here were shown.
    cursor: RowId,
    patience_ms: u32,
    armed: bool,
    actions: Vec<Action>,
}

impl Inbox {
    /// `patience`: how long a client may leave a message unacknowledged before it becomes a row.
    pub fn new(patience: Duration) -> Self {
        Self {
            window: Window::default(),
            excess: None,
            drain: Drain::Held,
            cursor: RowId::default(),
            patience_ms: u32::try_from(patience.as_millis()).unwrap_or(u32::MAX),
            armed: false,
            actions: Vec::new(),
        }
    }

    /// What is to be done, in order; to be called after every `handle_*`.
    pub fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// Lends it an empty list for what is to be done: inboxes take turns, and need only one.
    pub fn lend_actions(&mut self, empty: Vec<Action>) {
        debug_assert!(empty.is_empty() && self.actions.is_empty(), "actions would be lost");
        self.actions = empty;
    }

    /// Whether no debt is kept in memory here.
    pub fn is_settled(&self) -> bool {
        !self.window.has_debts() && self.excess.as_ref().is_none_or(|excess| excess.is_settled())
    }

    /// Whether writes that it asked for may not be committed yet.
    pub fn is_writing(&self) -> bool {
        self.excess.as_ref().is_some_and(|excess| excess.is_writing())
    }

    /// Gives back the memory that is not in use; for clients that fell idle.
    pub fn rest(&mut self) {
        self.window.rest();
        self.excess.take_if(|excess| excess.is_empty());
    }

    /// The login was answered: start with what is stored.
    pub fn open(&mut self, now: Instant) {
        if self.drain == Drain::Held {
            // All that there is will be read.
            self.page_shown(false);
        }
        self.pump(now);
    }

    /// The first rows of an original client, which go into the login answer: shown as all others,
    /// though not by [`Action::Push`]. Call [`Self::open`] after it.
    pub fn first_page(&mut self, now: Instant, rows: Vec<Row>, limit: PageLimit) {
        if self.drain != Drain::Held {
            return;
        }
        let complete = !limit.is_reached_by(&rows);
        for row in rows {
            self.cursor = row.id;
            let debt = self.take_from_backlog(row.message.sid);
            self.window.push(Pushed::row(now, &row, debt));
        }
        self.page_shown(complete);
    }

    /// A live message. `again` when it may be here already.
    pub fn handle_message(&mut self, now: Instant, message: Arc<Message>, debt: Debt, again: bool) {
        if again && self.adopt(message.sid, debt) {
            return;
        }
        let may_pass = self.excess.as_ref().is_none_or(|excess| !excess.has_waiting());
        let full = if may_pass && self.may_push_live() {
            self.push(Pushed::live(now, Arc::clone(&message), debt), message);
            false
        } else {
            self.keep_waiting(Waiting { message, debt, since: now })
        };
        if full || self.is_silent(now) {
            self.store_debts();
        }
        self.arm(now);
    }

    /// Rows from `first` on were committed by somebody.
    pub fn handle_mail(&mut self, now: Instant, first: RowId) {
        let before = RowId(first.0 - 1);
        match self.drain {
            Drain::Held | Drain::Reading => {
                self.excess.get_or_insert_default().note_mail(before);
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
        let limit = self.excess.as_mut().and_then(|excess| excess.reading.take());
        let Some(limit) = limit else { return };
        let Some(rows) = rows else {
            self.page_shown(false);
            self.drain = Drain::Stalled;
            self.forget_removed();
            self.arm(now);
            return;
        };
        let complete = !limit.is_reached_by(&rows);
        for row in rows {
            self.cursor = self.cursor.max(row.id);
            let sid = row.message.sid;
            if self.is_removing(sid) || self.window.bind(sid, row.id) {
                continue;
            }
            // It may have come live as well, when a session before this one left it in a deposit.
            let debt = self.take_from_backlog(sid);
            self.push(Pushed::row(now, &row, debt), row.message);
        }
        self.page_shown(complete);
        self.forget_removed();
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
            } else if self.deposit().is_some_and(|deposit| deposit.shows(sid)) {
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
        if let Some(excess) = &mut self.excess {
            excess.removed.extend(sids);
        }
        if self.drain != Drain::Reading {
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
        if !self.armed {
            self.rest();
        }
    }

    /// Everything that is owed is to become rows at once: the node is shutting down.
    pub fn store_debts(&mut self) {
        if self.deposit().is_some() {
            return;
        }
        let waiting = self.excess.as_mut().map(|excess| excess.take_waiting()).unwrap_or_default();
        let deposit = Deposit { shown: self.window.debts_without_row(), waiting };
        if !deposit.is_empty() {
            self.actions.push(Action::Deposit(deposit.messages()));
            self.excess.get_or_insert_default().deposit = Some(deposit);
        }
    }

    /// The client is gone: what it has not acknowledged is owed by the sender's side again.
    pub fn close(&mut self) {
        for pushed in self.window.drain() {
            if let Some(debt) = pushed.debt {
                self.actions.push(Action::NotHere(debt));
            }
        }
        let Some(excess) = &mut self.excess else { return };
        let stored = excess.deposit.take().map(|deposit| deposit.waiting).unwrap_or_default();
        for waiting in stored.into_iter().chain(excess.take_waiting()) {
            self.actions.push(Action::NotHere(waiting.debt));
        }
    }

    fn pump(&mut self, now: Instant) {
        if self.drain == Drain::Wanted
            && let Some(limit) = self.window.room()
        {
            self.drain = Drain::Reading;
            self.excess.get_or_insert_default().reading = Some(limit);
            self.actions.push(Action::Read { after: self.cursor, limit });
        }
        while self.may_push_live()
            && let Some(waiting) = self.excess.as_mut().and_then(|excess| excess.pop_waiting())
        {
            let message = waiting.message;
            self.push(Pushed::live(now, Arc::clone(&message), waiting.debt), message);
        }
        self.arm(now);
    }

    /// Keeps a live message until there is room, unless it is refused; whether that is too much to
    /// be kept for long.
    fn keep_waiting(&mut self, waiting: Waiting) -> bool {
        let excess = self.excess.get_or_insert_default();
        if excess.has_waiting_beyond(SWAMPED_FACTOR) {
            let (debt, sid) = (waiting.debt, waiting.message.sid);
            let how = Settlement::Refused(Refusal::Swamped);
            self.actions.push(Action::Settle { debt, sid, how });
        } else {
            excess.push_waiting(waiting);
        }
        excess.has_waiting_beyond(1)
    }

    /// A page was shown; whether it was the last one, apart from what came meanwhile.
    fn page_shown(&mut self, complete: bool) {
        let mailed = self.excess.as_mut().and_then(|excess| excess.mailed.take());
        self.drain = if complete && mailed.is_none() { Drain::Done } else { Drain::Wanted };
        self.cursor = self.cursor.min(mailed.unwrap_or(self.cursor));
    }

    fn push(&mut self, pushed: Pushed, message: Arc<Message>) {
        let seq = self.window.push(pushed);
        self.actions.push(Action::Push { seq, message });
    }

    /// Takes out rows of acknowledged messages at once, also those that a deposit under way is
    /// only making: the store keeps the order, and a session that comes next must not see them.
    fn remove(&mut self, rows: Vec<RowId>, sids: Vec<Sid>, withdrawn: Vec<Arc<Message>>) {
        if !rows.is_empty() {
            self.excess.get_or_insert_default().removing.extend(&sids);
            self.actions.push(Action::Remove { rows, sids });
        }
        if !withdrawn.is_empty() {
            let sids = withdrawn.iter().map(|message| message.sid);
            self.excess.get_or_insert_default().removing.extend(sids);
            self.actions.push(Action::Withdraw(withdrawn));
        }
    }

    fn is_removing(&self, sid: Sid) -> bool {
        self.excess.as_ref().is_some_and(|excess| excess.removing.contains(&sid))
    }

    fn deposit(&self) -> Option<&Deposit> {
        self.excess.as_ref()?.deposit.as_ref()
    }

    fn forget_removed(&mut self) {
        if let Some(excess) = &mut self.excess {
            excess.forget_removed();
            self.excess.take_if(|excess| excess.is_empty());
        }
    }

    /// Whether nothing stands before live messages: neither rows to come nor a full window.
    fn may_push_live(&self) -> bool {
        self.drain == Drain::Done
            && self.deposit().is_none_or(|deposit| deposit.waiting.is_empty())
            && self.window.room().is_some()
    }

    /// Whether the message is here already; then this debt of it is the one that counts.
    fn adopt(&mut self, sid: Sid, debt: Debt) -> bool {
        if let Some(waiting) = self.excess.as_mut().and_then(|excess| excess.find(sid)) {
            waiting.debt = debt;
            return true;
        }
        self.window.adopt(sid, debt)
    }

    fn take_from_backlog(&mut self, sid: Sid) -> Option<Debt> {
        self.excess.as_mut()?.take(sid).map(|waiting| waiting.debt)
    }

    fn oldest_debt(&self) -> Option<Instant> {
        self.window.oldest_debt().into_iter().chain(self.oldest_waiting()).min()
    }

    fn oldest_waiting(&self) -> Option<Instant> {
        self.excess.as_ref()?.oldest_waiting()
    }

    /// Whether something was shown, or waits, for longer than patience goes.
    fn is_silent(&self, now: Instant) -> bool {
        let oldest = self.window.oldest().into_iter().chain(self.oldest_waiting()).min();
        oldest.is_some_and(|at| at + self.patience() <= now)
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(self.patience_ms.into())
    }

    fn arm(&mut self, now: Instant) {
        if self.armed {
            return;
        }
        let stalled = (self.drain == Drain::Stalled).then_some(now);
        let Some(since) = self.oldest_debt().into_iter().chain(stalled).min() else { return };
        self.armed = true;
        // Never at once: a deposit that is refused again and again must not spin.
        let patience = self.patience();
        let soonest = now + patience / 8;
        self.actions.push(Action::Arm((since + patience).max(soonest)));
    }
}

/// An acknowledgement of something that was never pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeverPushed;
