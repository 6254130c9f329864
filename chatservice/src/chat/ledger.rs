//! The sender's side of delivery: what is owed to whom, in which order, and who is to be told.
//!
//! A message is a debt to each recipient until that recipient has it or a committed row holds
//! it. The debts of one sender to one recipient form a lane and never overtake each other:
//! when the way to the recipient changes, all of them go the new way, in order. When no debt of
//! a message is left, its sender is answered. The lane outlives the sender's session, so what
//! was sent right before a disconnect arrives too.

mod lane;
mod way;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ahash::AHashMap;
use chatproto::UserId;
use compact_str::CompactString;
use slab::Slab;

use super::effect::{LaneKey, Located, LoginId, NodeId, Place, Refusal, Settlement};
use crate::message::{Message, Sid};
use crate::storage::RowId;
use lane::Lane;

/// Lanes for which there always is room.
const LANES_KEPT: usize = 512;

/// What the ledger wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Find out where the lane's recipient is.
    Locate(LaneKey),
    /// Send to the recipient's session.
    Deliver {
        /// Which session.
        place: Place,
        /// Whose debt.
        lane: LaneKey,
        /// It may be there already.
        again: bool,
        /// What.
        message: Arc<Message>,
    },
    /// Append to the recipient's rows, in one write.
    Deposit {
        /// Whose debts.
        lane: LaneKey,
        /// In order.
        messages: Vec<Arc<Message>>,
    },
    /// Take out rows whose messages were delivered in the meantime.
    Remove {
        /// Whose queue.
        recipient: UserId,
        /// Which.
        rows: Vec<RowId>,
    },
    /// Tell the recipient's session that rows wait.
    Mail {
        /// Which session.
        place: Place,
        /// From here on.
        first: RowId,
        /// Which lane is to be told that it knows.
        lane: LaneKey,
    },
    /// Look at the lane again at this time.
    Arm {
        /// When.
        at: Instant,
        /// Which lane.
        lane: LaneKey,
    },
    /// Tell the sender's session how a message ended; said once for each message.
    Answer(Answer),
    /// No debt of a message is left.
    Over {
        /// The login that sent it; it may be over.
        login: LoginId,
        /// What the message counted for.
        load: Load,
    },
}

/// What a message weighs while it is not settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// See [`Message::size`].
    pub bytes: usize,
    /// Recipients.
    pub debts: usize,
}

/// How a message ended, for the session that sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The login that sent it; it may be over.
    pub login: LoginId,
    /// Who sent it.
    pub user: UserId,
    /// The mid under which it wants the answer, if any.
    pub mid: Option<CompactString>,
    /// How it ended for all recipients together, or that one of them refused it.
    pub how: Settlement,
}

/// Who is to be told the end of a message.
#[derive(Clone, Debug)]
pub struct Asker {
    /// The login that sends it.
    pub login: LoginId,
    /// Whose login that is.
    pub user: UserId,
    /// `None` when the sender wants no answer to a success.
    pub mid: Option<CompactString>,
}

/// A message with debts left.
#[derive(Debug)]
struct Owed {
    asker: Asker,
    load: Load,
    debts: usize,
    worst: Settlement,
}

/// When the store was last looked at, as far as it answered.
#[derive(Clone, Copy, Debug)]
enum Looks {
    /// There is nobody who has to look.
    NotNeeded,
    Never,
    /// A look that was answered began then.
    Last(Instant),
}

/// All debts of one shard's senders.
#[derive(Debug)]
pub struct Ledger {
    /// Clients choose the keys, so the hash must be one that they cannot aim at.
    lanes: AHashMap<LaneKey, Lane>,
    owed: Slab<Owed>,
    /// How long the recipient's side may take before rows are written from here.
    patience: Duration,
    looks: Looks,
    actions: Vec<Action>,
    /// Kept between calls for its memory.
    ended: Vec<(usize, Settlement)>,
}

impl Ledger {
    /// `patience` is to be longer than the recipient's side takes to give up on its client, since
    /// it knows more. `has_others`: recipients may be on other nodes.
    pub fn new(patience: Duration, has_others: bool) -> Self {
        Self {
            lanes: AHashMap::new(),
            owed: Slab::new(),
            patience,
            looks: if has_others { Looks::Never } else { Looks::NotNeeded },
            actions: Vec::new(),
            ended: Vec::new(),
        }
    }

    /// Exchanges what is to be done, in order, for an empty list; to be called after every
    /// `handle_*`.
    pub fn swap_actions(&mut self, empty: &mut Vec<Action>) {
        debug_assert!(empty.is_empty(), "actions would be lost");
        std::mem::swap(&mut self.actions, empty);
    }

    /// Whether every message was settled.
    pub fn is_settled(&self) -> bool {
        self.owed.is_empty()
    }

    /// A sender sent `message` to `recipients`. Returns what it weighs until
    /// [`Action::Over`] says that it is settled.
    pub fn handle_message(
        &mut self,
        now: Instant,
        asker: Asker,
        message: &Arc<Message>,
        recipients: impl ExactSizeIterator<Item = UserId>,
    ) -> Load {
        let debts = recipients.len();
        let load = Load { bytes: message.size(), debts };
        // Who gives no mid has no way to send it again, and so does not wait for it either.
        let will_repeat = asker.mid.is_some();
        let mut owed = Owed { asker, load, debts, worst: Settlement::Delivered };
        if debts == 0 {
            self.actions.extend([owed.answer(), owed.over()]);
            return load;
        }
        let owed = self.owed.insert(owed);
        let mut refused = Vec::new();
        for recipient in recipients {
            let key = LaneKey { sender: message.sender, recipient };
            let lane = self.lanes.entry(key).or_insert_with(|| Lane::new(key));
            // Each lane decides for itself: another one may wait for a later message, and what this
            // one gets now must not be overtaken here by that.
            match lane.refuses(now, &message.mid).filter(|_| will_repeat) {
                Some(refusal) => refused.push(refusal),
                None => lane.owe(now, owed, Arc::clone(message), self.patience, &mut self.actions),
            }
        }
        for refusal in refused {
            self.debt_ended(owed, Settlement::Refused(refusal));
        }
        load
    }

    /// Where the recipient is.
    pub fn handle_located(&mut self, now: Instant, key: LaneKey, found: Located) {
        self.with_lane(key, |lane, _, actions, ended| lane.located(now, found, actions, ended));
    }

    /// The recipient's session at `from` knows of the rows that it was told of.
    pub fn handle_mail_taken(&mut self, now: Instant, key: LaneKey, from: Place) {
        self.with_lane(key, |lane, _, actions, ended| lane.mail_taken(now, from, actions, ended));
    }

    /// The recipient's side says how a debt ended.
    pub fn handle_settled(&mut self, now: Instant, key: LaneKey, sid: Sid, how: Settlement) {
        self.with_lane(key, |lane, _, actions, ended| lane.settled(now, sid, how, actions, ended));
    }

    /// The session at `from` is not there any more.
    pub fn handle_not_here(&mut self, key: LaneKey, from: Place) {
        self.with_lane(key, |lane, _, actions, _| lane.not_here(from, actions));
    }

    /// What was said to `node`, or by it, may not have arrived.
    pub fn handle_link_lost(&mut self, node: NodeId) {
        for key in self.keys() {
            self.with_lane(key, |lane, _, actions, _| lane.link_lost(node, actions));
        }
    }

    /// Nothing can be said to `node`.
    pub fn handle_unreachable(&mut self, node: NodeId) {
        for key in self.keys() {
            self.with_lane(key, |lane, _, actions, _| lane.unreachable(node, actions));
        }
    }

    /// Of all lanes, in an order that chance has no part in.
    fn keys(&self) -> Vec<LaneKey> {
        let mut keys: Vec<_> = self.lanes.keys().copied().collect();
        keys.sort_unstable();
        keys
    }

    /// The deposit that the lane asked for was committed, or refused for good.
    pub fn handle_deposited(
        &mut self,
        now: Instant,
        key: LaneKey,
        result: Result<Vec<RowId>, Refusal>,
    ) {
        self.with_lane(key, |lane, _, actions, ended| match result {
            Ok(rows) => lane.deposited(now, &rows, actions),
            Err(refusal) => lane.refused(now, refusal, ended),
        });
    }

    /// This node has looked at the store for rows that nobody was told of, and so do the others.
    pub fn handle_looked(&mut self, began: Instant) {
        self.looks = Looks::Last(began);
    }

    /// The time of [`Action::Arm`] has come.
    pub fn handle_deadline(&mut self, now: Instant, key: LaneKey) {
        let looks = self.looks;
        self.with_lane(key, |lane, patience, actions, ended| {
            lane.deadline(now, patience, looks, actions, ended);
        });
    }

    fn with_lane(
        &mut self,
        key: LaneKey,
        act: impl FnOnce(&mut Lane, Duration, &mut Vec<Action>, &mut Vec<(usize, Settlement)>),
    ) {
        let Some(lane) = self.lanes.get_mut(&key) else { return };
        let mut ended = std::mem::take(&mut self.ended);
        act(lane, self.patience, &mut self.actions, &mut ended);
        // A lane without debts keeps its way until its next deadline, so that a conversation
        // looks its recipient up once.
        if lane.is_over() {
            self.lanes.remove(&key);
            self.give_back_room();
        }
        for (owed, how) in ended.drain(..) {
            self.debt_ended(owed, how);
        }
        self.ended = ended;
    }

    /// Gives back what a time of many conversations needed, when few of them are left.
    fn give_back_room(&mut self) {
        let (len, room) = (self.lanes.len(), self.lanes.capacity());
        if room > LANES_KEPT && len < room / 8 {
            self.lanes.shrink_to(LANES_KEPT.max(len * 2));
        }
    }

    fn debt_ended(&mut self, key: usize, how: Settlement) {
        let owed = &mut self.owed[key];
        owed.debts -= 1;
        let told = matches!(owed.worst, Settlement::Refused(_));
        owed.worst = match (owed.worst, how) {
            (refused @ Settlement::Refused(_), _) | (_, refused @ Settlement::Refused(_)) => {
                refused
            }
            (Settlement::Delivered, Settlement::Delivered) => Settlement::Delivered,
            _ => Settlement::Stored,
        };
        // A refusal is told at once: the longer it takes, the more is sent that it comes behind.
        let is_refused = matches!(owed.worst, Settlement::Refused(_));
        let is_wanted = is_refused || (owed.debts == 0 && owed.asker.mid.is_some());
        if is_wanted && !told {
            self.actions.push(owed.answer());
        }
        if owed.debts == 0 {
            self.actions.push(owed.over());
            self.owed.remove(key);
        }
    }
}

impl Owed {
    fn answer(&mut self) -> Action {
        let Asker { login, user, ref mut mid } = self.asker;
        Action::Answer(Answer { login, user, mid: mid.take(), how: self.worst })
    }

    fn over(&self) -> Action {
        Action::Over { login: self.asker.login, load: self.load }
    }
}
