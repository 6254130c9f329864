//! The debts of one sender to one recipient, in order, and the way that they go.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Action;
use super::Looks;
use super::way::{Batch, Mailing, SEEN_WITHIN, Way};
use compact_str::CompactString;

use crate::chat::effect::{LaneKey, Located, NodeId, Place, Refusal, Settlement};
use crate::message::{Message, Sid};
use crate::storage::RowId;

/// "Not here" answers in a row after which the lane stops asking where the recipient is.
const BOUNCES_MAX: u32 = 3;

/// How long what comes behind a refused message is refused as well. A sender that means to send
/// it again does so within this time after it was told.
const GAP_MAX: Duration = Duration::from_secs(1);

/// When to see again whether the store was looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Debts that end, with the message that they belong to.
type Ended = Vec<(usize, Settlement)>;

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
    /// Questions where the recipient is that are not answered.
    asked: u16,
    armed: bool,
    /// The debts were sent somewhere before.
    again: bool,
    /// What was refused, and has to come again first.
    gap: Option<Box<Gap>>,
}

/// A refused message that its sender will send again: what it sent behind it, before it could
/// know, must not go ahead.
#[derive(Debug)]
struct Gap {
    mid: CompactString,
    /// The sender has given the message up if it has not come by then.
    until: Instant,
    refusal: Refusal,
}

impl Lane {
    pub(super) fn new(key: LaneKey) -> Self {
        Self {
            key,
            way: Way::Unknown,
            // Most conversations have no more than one under way.
            debts: VecDeque::with_capacity(1),
            bounces: 0,
            asked: 0,
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
            Way::Locating | Way::Depositing(_) | Way::Mailing(_) => {}
        }
        self.debts.push_back(Debt { owed, message, since: now });
        if !self.armed {
            self.arm(now + patience, actions);
        }
    }

    pub(super) fn located(
        &mut self,
        now: Instant,
        found: Located,
        actions: &mut Vec<Action>,
        ended: &mut Ended,
    ) {
        self.asked = self.asked.saturating_sub(1);
        // It was asked again since: what was true then may not be now.
        if self.asked > 0 {
            return;
        }
        match (&mut self.way, found) {
            (Way::Locating, _) => self.go_on(now, found, actions),
            (Way::Mailing(mailing), Located::At(place)) if mailing.first().is_some() => {
                mailing.told = Some(place);
                let until = mailing.until;
                self.mail(actions);
                // Its debts may have ended by other rows meanwhile, and nothing else ends it.
                if !self.armed {
                    self.arm(until, actions);
                }
            }
            // Who cannot be found may be online nevertheless, and hears of the rows in time.
            (Way::Mailing(mailing), Located::Unknown) if mailing.first().is_some() => {
                mailing.told = None;
            }
            (Way::Mailing(_), _) => {
                self.mailed(now, ended);
                self.go_on(now, found, actions);
            }
            _ => {}
        }
    }

    /// The session at `from` knows of the rows, and shows them before what is sent from now on.
    pub(super) fn mail_taken(
        &mut self,
        now: Instant,
        from: Place,
        actions: &mut Vec<Action>,
        ended: &mut Ended,
    ) {
        if matches!(&self.way, Way::Mailing(mailing) if mailing.told == Some(from)) {
            self.mailed(now, ended);
            self.go_live(now, from, actions);
        }
    }

    pub(super) fn settled(
        &mut self,
        now: Instant,
        sid: Sid,
        how: Settlement,
        actions: &mut Vec<Action>,
        ended: &mut Ended,
    ) {
        let Some(index) = self.debts.iter().position(|debt| debt.message.sid == sid) else {
            return;
        };
        let Some(debt) = self.debts.remove(index) else { return };
        match &mut self.way {
            Way::Depositing(batch) if how == Settlement::Delivered => batch.delivered.push(sid),
            Way::Mailing(mailing) if how == Settlement::Delivered => {
                let rows = mailing.take(sid);
                actions.push(Action::Remove { recipient: self.key.recipient, rows });
            }
            _ => {}
        }
        self.bounces = 0;
        if let Settlement::Refused(refusal) = how {
            self.open_gap(now, &debt.message, refusal);
        }
        ended.push((debt.owed, how));
    }

    pub(super) fn not_here(&mut self, from: Place, actions: &mut Vec<Action>) {
        let concerned = match &self.way {
            Way::Live(place) => *place == from,
            Way::Mailing(mailing) => mailing.told == Some(from),
            _ => false,
        };
        if !concerned {
            return;
        }
        if !matches!(self.way, Way::Mailing(_)) {
            self.way = Way::Unknown;
        }
        if self.debts.is_empty() {
            return;
        }
        self.again = true;
        self.bounces += 1;
        match &mut self.way {
            // If it is never found, it finds the rows.
            Way::Mailing(mailing) if self.bounces > BOUNCES_MAX => mailing.told = None,
            Way::Mailing(mailing) => {
                mailing.told = None;
                self.ask(actions);
            }
            _ if self.bounces > BOUNCES_MAX => self.deposit(actions),
            _ => self.locate(actions),
        }
    }

    /// What went to or came from this node may be lost: everything open there is said again.
    pub(super) fn link_lost(&mut self, node: NodeId, actions: &mut Vec<Action>) {
        match &self.way {
            Way::Live(place) if place.shard.node == node => {
                let place = *place;
                self.send_all(place, true, actions);
            }
            Way::Mailing(mailing) if mailing.told.is_some_and(|at| at.shard.node == node) => {
                self.mail(actions);
            }
            _ => {}
        }
    }

    /// Nothing reaches this node any more.
    pub(super) fn unreachable(&mut self, node: NodeId, actions: &mut Vec<Action>) {
        match &mut self.way {
            Way::Live(place) if place.shard.node == node => {
                self.again = true;
                self.deposit(actions);
            }
            Way::Mailing(mailing) if mailing.told.is_some_and(|at| at.shard.node == node) => {
                mailing.told = None;
            }
            _ => {}
        }
    }

    pub(super) fn deposited(&mut self, now: Instant, rows: &[RowId], actions: &mut Vec<Action>) {
        let Way::Depositing(batch) = &mut self.way else { return };
        let committed = std::mem::take(&mut batch.sids);
        let (delivered, waiting): (Vec<_>, Vec<_>) = committed
            .into_iter()
            .zip(rows.iter().copied())
            .partition(|(sid, _)| batch.delivered.contains(sid));
        if !delivered.is_empty() {
            let rows = delivered.into_iter().map(|(_, row)| row).collect();
            actions.push(Action::Remove { recipient: self.key.recipient, rows });
        }
        let until = now + SEEN_WITHIN;
        self.way = Way::Mailing(Box::new(Mailing { committed: waiting, told: None, until }));
        self.ask(actions);
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

    pub(super) fn deadline(
        &mut self,
        now: Instant,
        patience: Duration,
        looks: Looks,
        actions: &mut Vec<Action>,
        ended: &mut Ended,
    ) {
        self.armed = false;
        self.gap.take_if(|gap| gap.until <= now);
        if let Way::Mailing(mailing) = &self.way {
            if mailing.until > now {
                return self.arm(mailing.until, actions);
            }
            if !mailing.is_seen(looks) {
                return self.arm(now + LOOK_AGAIN, actions);
            }
            self.mailed(now, ended);
            if !self.debts.is_empty() {
                self.locate(actions);
                return self.arm(now + patience, actions);
            }
        }
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
            && self.asked == 0
            && !self.armed
            && matches!(self.way, Way::Unknown | Way::Live(_))
    }

    /// Nobody sends again to an account that does not exist.
    fn open_gap(&mut self, now: Instant, message: &Message, refusal: Refusal) {
        if self.gap.is_none() && refusal != Refusal::NoSuchUser {
            let (mid, until) = (message.mid.clone(), now + GAP_MAX);
            self.gap = Some(Box::new(Gap { mid, until, refusal }));
        }
    }

    /// The recipient's place was asked for, to send there what is owed.
    fn go_on(&mut self, now: Instant, found: Located, actions: &mut Vec<Action>) {
        match found {
            Located::At(place) => self.go_live(now, place, actions),
            Located::Offline | Located::Unknown => self.deposit(actions),
        }
    }

    /// The rows are the recipient's side's concern from now on.
    fn mailed(&mut self, now: Instant, ended: &mut Ended) {
        let Way::Mailing(mailing) = std::mem::replace(&mut self.way, Way::Unknown) else { return };
        for (sid, _) in mailing.committed {
            self.settled(now, sid, Settlement::Stored, &mut Vec::new(), ended);
        }
    }

    fn mail(&self, actions: &mut Vec<Action>) {
        if let Way::Mailing(mailing) = &self.way
            && let (Some(place), Some(first)) = (mailing.told, mailing.first())
        {
            actions.push(Action::Mail { place, first, lane: self.key });
        }
    }

    fn go_live(&mut self, now: Instant, place: Place, actions: &mut Vec<Action>) {
        self.way = Way::Live(place);
        let again = std::mem::take(&mut self.again);
        for debt in &mut self.debts {
            debt.since = now;
        }
        self.send_all(place, again, actions);
    }

    fn send_all(&self, place: Place, again: bool, actions: &mut Vec<Action>) {
        let lane = self.key;
        let messages = self.debts.iter().map(|debt| Arc::clone(&debt.message));
        actions.extend(messages.map(|message| Action::Deliver { place, lane, again, message }));
    }

    fn deposit(&mut self, actions: &mut Vec<Action>) {
        if self.debts.is_empty() {
            self.way = Way::Unknown;
            return;
        }
        let messages: Vec<_> = self.debts.iter().map(|debt| Arc::clone(&debt.message)).collect();
        let sids = messages.iter().map(|message| message.sid).collect();
        self.way = Way::Depositing(Box::new(Batch { sids, delivered: Vec::new() }));
        actions.push(Action::Deposit { lane: self.key, messages });
    }

    fn locate(&mut self, actions: &mut Vec<Action>) {
        self.way = Way::Locating;
        self.ask(actions);
    }

    fn ask(&mut self, actions: &mut Vec<Action>) {
        self.asked = self.asked.saturating_add(1);
        actions.push(Action::Locate(self.key));
    }

    fn arm(&mut self, at: Instant, actions: &mut Vec<Action>) {
        self.armed = true;
        actions.push(Action::Arm { at, lane: self.key });
    }
}
