//! How long a message that was answered took to a recipient who was there: the store may hold it
//! for seconds, not until the recipient logs in again.

use std::collections::HashMap;

use super::Limits;
use super::ledger::{Ledger, News};
use super::verdict::{Findings, Kind};
use crate::history::{ClientNumber, Event, STORE, What};

#[derive(Debug, Default)]
pub(super) struct Arrival {
    /// Since when each client has been there and reading.
    present: HashMap<ClientNumber, u64>,
    store: StoreState,
}

/// Whether the store can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StoreState {
    /// By all, since then.
    Back(u64),
    Away,
}

impl Default for StoreState {
    fn default() -> Self {
        Self::Back(0)
    }
}

impl Arrival {
    pub(super) fn take(
        &mut self,
        event: &Event,
        news: News,
        ledger: &Ledger,
        limits: Limits,
        findings: &mut Findings,
    ) {
        match (&event.what, event.client) {
            (What::Opened { .. } | What::StoodStill, Some(client)) => {
                self.present.insert(client, event.at);
            }
            (What::FaultBegan { unreachable, .. }, _)
                if unreachable.iter().any(|it| it == STORE) =>
            {
                self.store = StoreState::Away;
            }
            (What::FaultEnded { .. }, _) if self.store == StoreState::Away => {
                self.store = StoreState::Back(event.at);
            }
            _ => {}
        }
        let (News::Received(number), Some(client)) = (news, event.client) else { return };
        let message = ledger.message(number);
        let present = self.present.get(&client).copied().unwrap_or_default();
        let (Some(answered), StoreState::Back(back)) = (message.answered, self.store) else {
            return;
        };
        let took = event.at.saturating_sub(answered.max(present).max(back));
        // An original client cannot tell that its connection is dead, and waits for it.
        if took > limits.arrival && ledger.acknowledges(client) {
            findings.add(Kind::Late, event.at, || {
                let (mid, took) = (message.mid.as_deref().unwrap_or_default(), took / 1000);
                format!("{mid} to {:?} came to client {client} after {took} ms", message.target)
            });
        }
    }
}
