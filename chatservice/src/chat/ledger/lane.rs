//! The debts of one sender to one recipient, in order, and the way that they go.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Action;
use crate::chat::effect::{LaneKey, Place, Refusal, Settlement};
use crate::message::{Message, Sid};
use crate::storage::RowId;

/// "Not here" answers in a row after which the lane stops asking where the recipient is.
const BOUNCES_MAX: u32 = 3;

/// How long what comes behind a refused message is refused as well. A sender that means to send
/// it again does so within this time after it was told.
const GAP_MAX: Duration = Duration::from_secs(1);

/// Debts that end, with the message that they belong to.
type Ended = Vec<(usize, Settlement)>;

/// Which way the debts go.
#[derive(Debug)]
enum Way {
    /// Nothing was owed yet.
    Unknown,
    /// It is being asked where the recipient is; debts wait.
    Locating,
    /// Debts are sent to this session as they come.
    Live(Place),
    /// The first debts are in a deposit; those behind wait for its commit.
    Depositing(Batch),
    /// They are committed; it is being asked whether the recipient came in the meantime, since
    /// it may have read its rows before.
    Mailing { committed: Vec<Sid>, first: Option<RowId> },
}

/// What is in a deposit.
#[derive(Debug)]
struct Batch {
    sids: Vec<Sid>,
    /// Those that the recipient turned out to have; a debt that ended as a row is none of them,
    /// since both sides may have written the same row.
    delivered: Vec<Sid>,
}

#[derive(Debug)]
struct Debt {
    owed: usize,
    message: Arc<Message>,
    since: Instant,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Lane {
    key: LaneKey,
    way: Way,
    debts: VecDeque<Debt>,
    bounces: u32,
    armed: bool,
    /// The debts were sent somewhere before.
    again: bool,
    /// What was refused, and has to come again first.
    gap: Option<Gap>,
}

/// A refused message that its sender will send again: what it sent behind it, before it could
/// know, must not go ahead.
#[derive(Debug)]
struct Gap {
    mid: Box<str>,
    /// The sender has given the message up if it has not come by then.
    until: Instant,
    refusal: Refusal,
}

impl Lane {
    pub(super) fn new(key: LaneKey) -> Self {
        Self {
            key,
            way: Way::Unknown,
            debts: VecDeque::new(),
            bounces: 0,
            armed: false,
            again: false,
            gap: None,
        }
    }

    /// Whether a message has to wait for a refused one, which is to come first.
    pub(super) fn refuses(&mut self, now: Instant, mid: &str) -> Option<Refusal> {
        let gap = self.gap.take_if(|gap| gap.until <= now || *gap.mid == *mid);
        match gap {
            Some(_) => None,
            None => self.gap.as_ref().map(|gap| gap.refusal),
        }
    }

    pub(super) fn owe(
        &mut self,
        now: Instant,
        owed: usize,
        message: Arc<Message>,
        patience: Duration,
        actions: &mut Vec<Action>,
    ) {
        match self.way {
            Way::Unknown => self.locate(actions),
            Way::Live(place) => actions.push(Action::Deliver {
                place,
                lane: self.key,
                again: false,
                message: Arc::clone(&message),
            }),
            Way::Locating | Way::Depositing(_) | Way::Mailing { .. } => {}
        }
        self.debts.push_back(Debt { owed, message, since: now });
        if !self.armed {
            self.arm(now + patience, actions);
        }
    }

    pub(super) fn located(
        &mut self,
        now: Instant,
        place: Option<Place>,
        actions: &mut Vec<Action>,
        ended: &mut Ended,
    ) {
        match std::mem::replace(&mut self.way, Way::Unknown) {
            Way::Locating => {}
            Way::Mailing { committed, first } => {
                // The mail goes out before anything that this lane sends from now on, so the
                // recipient's side fetches the rows first.
                if let (Some(place), Some(first)) = (place, first) {
                    actions.push(Action::Mail { place, first });
                }
                for sid in committed {
                    self.settled(now, sid, Settlement::Stored, ended);
                }
            }
            other => {
                self.way = other;
                return;
            }
        }
        match place {
            Some(place) => self.go_live(now, place, actions),
            None => self.deposit(actions),
        }
    }

    pub(super) fn settled(&mut self, now: Instant, sid: Sid, how: Settlement, ended: &mut Ended) {
        if let Some(index) = self.debts.iter().position(|debt| debt.message.sid == sid)
            && let Some(debt) = self.debts.remove(index)
        {
            if let Way::Depositing(batch) = &mut self.way
                && how == Settlement::Delivered
            {
                batch.delivered.push(sid);
            }
            self.bounces = 0;
            if let Settlement::Refused(refusal) = how {
                self.open_gap(now, &debt.message, refusal);
            }
            ended.push((debt.owed, how));
        }
    }

    pub(super) fn not_here(&mut self, from: Place, actions: &mut Vec<Action>) {
        if !matches!(self.way, Way::Live(place) if place == from) {
            return;
        }
        self.way = Way::Unknown;
        if self.debts.is_empty() {
            return;
        }
        self.again = true;
        self.bounces += 1;
        if self.bounces > BOUNCES_MAX {
            self.deposit(actions);
        } else {
            self.locate(actions);
        }
    }

    pub(super) fn deposited(&mut self, rows: &[RowId], actions: &mut Vec<Action>) {
        let Way::Depositing(batch) = &mut self.way else { return };
        let committed = std::mem::take(&mut batch.sids);
        let (mut delivered, mut first) = (Vec::new(), None);
        for (sid, row) in committed.iter().zip(rows) {
            if batch.delivered.contains(sid) {
                delivered.push(*row);
            } else {
                first = Some(first.map_or(*row, |known: RowId| known.min(*row)));
            }
        }
        if !delivered.is_empty() {
            actions.push(Action::Remove { recipient: self.key.recipient, rows: delivered });
        }
        self.way = Way::Mailing { committed, first };
        actions.push(Action::Locate(self.key));
    }

    /// Everything in the lane is refused, also what came behind: were the later ones kept, the
    /// sender's next attempt with the refused one would overtake in the wrong direction.
    pub(super) fn refused(&mut self, now: Instant, refusal: Refusal, ended: &mut Ended) {
        if !matches!(self.way, Way::Depositing(_)) {
            return;
        }
        self.way = Way::Unknown;
        if let Some(first) = self.debts.front().map(|debt| Arc::clone(&debt.message)) {
            self.open_gap(now, &first, refusal);
        }
        ended.extend(self.debts.drain(..).map(|d| (d.owed, Settlement::Refused(refusal))));
    }

    pub(super) fn deadline(&mut self, now: Instant, patience: Duration, actions: &mut Vec<Action>) {
        self.armed = false;
        self.gap.take_if(|gap| gap.until <= now);
        let Some(oldest) = self.debts.front() else {
            if let Some(until) = self.gap.as_ref().map(|gap| gap.until) {
                self.arm(until, actions);
            }
            return;
        };
        let due = oldest.since + patience;
        if due > now {
            self.arm(due, actions);
            return;
        }
        if matches!(self.way, Way::Live(_) | Way::Locating) {
            self.again = true;
            self.deposit(actions);
        }
        self.arm(now + patience, actions);
    }

    /// Nothing is owed and nothing is under way.
    pub(super) fn is_over(&self) -> bool {
        self.debts.is_empty()
            && self.gap.is_none()
            && !self.armed
            && matches!(self.way, Way::Unknown | Way::Live(_))
    }

    /// Nobody sends again to an account that does not exist.
    fn open_gap(&mut self, now: Instant, message: &Message, refusal: Refusal) {
        if self.gap.is_none() && refusal != Refusal::NoSuchUser {
            let (mid, until) = (message.mid.clone(), now + GAP_MAX);
            self.gap = Some(Gap { mid, until, refusal });
        }
    }

    fn go_live(&mut self, now: Instant, place: Place, actions: &mut Vec<Action>) {
        self.way = Way::Live(place);
        let again = std::mem::take(&mut self.again);
        for debt in &mut self.debts {
            debt.since = now;
            actions.push(Action::Deliver {
                place,
                lane: self.key,
                again,
                message: Arc::clone(&debt.message),
            });
        }
    }

    fn deposit(&mut self, actions: &mut Vec<Action>) {
        if self.debts.is_empty() {
            self.way = Way::Unknown;
            return;
        }
        let messages: Vec<_> = self.debts.iter().map(|debt| Arc::clone(&debt.message)).collect();
        let sids = messages.iter().map(|message| message.sid).collect();
        self.way = Way::Depositing(Batch { sids, delivered: Vec::new() });
        actions.push(Action::Deposit { lane: self.key, messages });
    }

    fn locate(&mut self, actions: &mut Vec<Action>) {
        self.way = Way::Locating;
        actions.push(Action::Locate(self.key));
    }

    fn arm(&mut self, at: Instant, actions: &mut Vec<Action>) {
        self.armed = true;
        actions.push(Action::Arm { at, lane: self.key });
    }
}
