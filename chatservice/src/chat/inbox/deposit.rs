//! Rows on their way into the store for a client that does not keep up.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::excess::Waiting;
use super::{Action, Inbox};
use crate::chat::effect::{Refusal, Settlement};
use crate::message::{Message, Sid};
use crate::storage::RowId;

/// What is being written: first what was pushed already, then what waited behind it.
#[derive(Debug)]
pub(super) struct Deposit {
    pub(super) shown: Vec<Arc<Message>>,
    pub(super) waiting: VecDeque<Waiting>,
}

impl Deposit {
    pub(super) fn is_empty(&self) -> bool {
        self.shown.is_empty() && self.waiting.is_empty()
    }

    pub(super) fn messages(&self) -> Vec<Arc<Message>> {
        let waiting = self.waiting.iter().map(|waiting| &waiting.message);
        self.shown.iter().chain(waiting).cloned().collect()
    }

    /// Whether a row is being made of a message that was pushed.
    pub(super) fn shows(&self, sid: Sid) -> bool {
        self.shown.iter().any(|message| message.sid == sid)
    }
}

impl Inbox {
    /// The answer to [`Action::Deposit`]: the rows in the order of its messages.
    pub fn handle_deposited(&mut self, now: Instant, result: Result<Vec<RowId>, Refusal>) {
        let deposit = self.excess.as_mut().and_then(|excess| excess.deposit.take());
        let Some(deposit) = deposit else { return };
        match result {
            Ok(rows) => self.deposit_committed(now, deposit, &rows),
            Err(refusal) => self.deposit_refused(now, deposit, refusal),
        }
    }

    fn deposit_committed(&mut self, now: Instant, deposit: Deposit, rows: &[RowId]) {
        let (shown_rows, waiting_rows) = rows.split_at(deposit.shown.len().min(rows.len()));
        for (message, row) in deposit.shown.iter().zip(shown_rows) {
            let sid = message.sid;
            if let Some(debt) = self.window.settle(sid, *row) {
                self.actions.push(Action::Settle { debt, sid, how: Settlement::Stored });
            }
        }
        for waiting in deposit.waiting {
            let (debt, sid) = (waiting.debt, waiting.message.sid);
            self.actions.push(Action::Settle { debt, sid, how: Settlement::Stored });
        }
        // What waited is in the store only from now on; a drain brings it back in its turn.
        match waiting_rows.iter().min() {
            Some(first) => self.handle_mail(now, *first),
            None => self.pump(now),
        }
    }

    /// What was pushed may still be acknowledged, but nobody waits for it any longer; what waited
    /// is dropped, and all that came behind it, so that order holds when it is sent again.
    fn deposit_refused(&mut self, now: Instant, deposit: Deposit, refusal: Refusal) {
        let how = Settlement::Refused(refusal);
        for message in &deposit.shown {
            if let Some(debt) = self.window.forgive(message.sid) {
                self.actions.push(Action::Settle { debt, sid: message.sid, how });
            }
        }
        let behind = self.excess.as_mut().map(|excess| excess.take_waiting()).unwrap_or_default();
        for waiting in deposit.waiting.into_iter().chain(behind) {
            let (debt, sid) = (waiting.debt, waiting.message.sid);
            self.actions.push(Action::Settle { debt, sid, how });
        }
        self.arm(now);
    }
}
