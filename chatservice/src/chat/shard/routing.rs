//! Between the two sides of delivery: the senders' ledger, the recipients' inboxes, other shards.

use chatproto::GroupId;

use super::Shard;
use crate::chat::deadlines::Deadline;
use crate::chat::effect::{Effect, LaneKey, LoginId, PeerMessage, Place, Refusal, Ticket};
use crate::chat::groups::Loaded;
use crate::chat::ledger::Action;
use crate::chat::session::{Session, Sessions, deposit_result};
use crate::chat::{contacts, inbox, login, sending};
use crate::storage::{Answer, Request, RowId, Write};

/// Messages that may wait for the answer to a claim; with more the login fails.
const EARLY_MAX: usize = 1024;

impl Shard {
    /// Carries out what the ledger wants and what this shard said to itself, until nothing is
    /// left.
    pub(super) fn run(&mut self) {
        loop {
            let mut actions = std::mem::take(&mut self.ledger_actions);
            self.core.ledger.swap_actions(&mut actions);
            let idle = actions.is_empty();
            for action in actions.drain(..) {
                self.carry_out(action);
            }
            self.ledger_actions = actions;
            match self.core.local.pop_front() {
                Some(message) => self.route(message),
                None if idle => return,
                None => {}
            }
        }
    }

    pub(super) fn route(&mut self, message: PeerMessage) {
        let Some(message) = self.keep_if_early(message) else { return };
        match message {
            PeerMessage::Deliver { to, lane, home, again, message } => {
                let debt = inbox::Debt { home, lane };
                let Some(session) = at(&mut self.sessions, to) else {
                    return self.not_here(to, debt);
                };
                session.handle_message(message, debt, again, &mut self.core);
                if self.stopping {
                    session.store_debts(&mut self.core);
                }
            }
            PeerMessage::Settled { lane, sid, how } => {
                let now = self.core.now.instant;
                self.core.ledger.handle_settled(now, lane, sid, how);
            }
            PeerMessage::NotHere { lane, from } => self.core.ledger.handle_not_here(lane, from),
            PeerMessage::Mail { to, first, lane, home } => {
                let from = Place { shard: self.core.shard, login: to };
                let Some(session) = at(&mut self.sessions, to) else {
                    return self.core.post(home, PeerMessage::NotHere { lane, from });
                };
                session.handle_mail(first, &mut self.core);
                self.core.post(home, PeerMessage::MailTaken { lane, from });
            }
            PeerMessage::Arrived { to, first } => {
                if let Some(session) = at(&mut self.sessions, to) {
                    session.handle_mail(first, &mut self.core);
                }
            }
            PeerMessage::MailTaken { lane, from } => {
                let now = self.core.now.instant;
                self.core.ledger.handle_mail_taken(now, lane, from);
            }
            PeerMessage::Superseded { to, by } => self.superseded(to, by),
            PeerMessage::Evict { to, by } => self.evict(to, by),
            PeerMessage::Evicted { to, settled } => self.evicted(to, settled),
            PeerMessage::SenderSettled { to } => self.sender_settled(to),
            PeerMessage::Joined { group, user, asker, join } => {
                self.core.groups.joined(group, user);
                match self.core.next_shard() {
                    Some(next) => self.core.post(next, message),
                    None => {
                        let to = asker.login;
                        self.core.post(asker.shard, PeerMessage::JoinKnown { to, join });
                    }
                }
            }
            PeerMessage::GroupInDoubt { group } => {
                self.core.groups.forget(group);
                if let Some(next) = self.core.next_shard() {
                    self.core.post(next, message);
                }
            }
            PeerMessage::JoinKnown { to, join } => {
                if let Some(session) = at(&mut self.sessions, to) {
                    contacts::join_known(session, join, &mut self.core);
                }
            }
        }
    }

    /// Others may know a place before the answer to its claim is here. What they send there waits
    /// for it: were the first of it turned away, what comes behind might not be.
    fn keep_if_early(&mut self, message: PeerMessage) -> Option<PeerMessage> {
        let Some(to) = message.place().filter(|_| self.core.claims > 0) else {
            return Some(message);
        };
        let Some(session) = login::waiting_for_claim(&mut self.sessions, to) else {
            return Some(message);
        };
        let early = self.core.early.entry(to).or_default();
        early.push(message);
        if early.len() > EARLY_MAX {
            login::overrun(session, &mut self.core);
        }
        None
    }

    /// The account of the session `old` is at the session `by` now.
    fn evict(&mut self, old: LoginId, by: Place) {
        let mut user = self.core.owing.get(&old).map(|owing| owing.user);
        if let Some(session) = at(&mut self.sessions, old) {
            user = user.or_else(|| session.online().map(|online| online.user));
            session.handle_evicted(&mut self.core);
        }
        if let Some(owing) = self.core.owing.get_mut(&old)
            && !owing.heirs.contains(&by)
        {
            owing.heirs.push(by);
        }
        // What this session had removed must be gone before the next one reads.
        let barrier = user.map_or(Write::Barrier, |user| Write::UserBarrier { user });
        self.core.work(Ticket::Evicted { old, by }, Request::Write(barrier));
    }

    /// The session before the one at `to` is over.
    fn evicted(&mut self, to: LoginId, settled: bool) {
        if let Some(session) = at(&mut self.sessions, to) {
            if login::waits_for_place(session) {
                login::place_is_free(session, &mut self.core);
            } else {
                // It did not wait, and may have read before the other one wrote.
                session.handle_mail(RowId(1), &mut self.core);
            }
        }
        if settled {
            self.sender_settled(to);
        }
    }

    /// The account of the session `old` is at the session `by`, which did not wait, and may have
    /// read before this one wrote.
    fn superseded(&mut self, old: LoginId, by: Place) {
        if let Some(session) = at(&mut self.sessions, old) {
            let (to, first) = (by.login, RowId(1));
            self.core.post(by.shard, PeerMessage::Arrived { to, first });
            session.handle_evicted(&mut self.core);
        }
    }

    /// The session `old` has nothing left that it wants written.
    pub(super) fn handle_evicted(&mut self, old: LoginId, by: Place) {
        let settled = !self.core.owing.contains_key(&old);
        self.core.post(by.shard, PeerMessage::Evicted { to: by.login, settled });
        self.run();
    }

    pub(super) fn handle_lane_answer(&mut self, lane: LaneKey, answer: Answer) {
        let result = match answer {
            Answer::Written(written) => deposit_result(written),
            _ => Err(Refusal::StoreUnavailable),
        };
        self.core.ledger.handle_deposited(self.core.now.instant, lane, result);
        self.run();
    }

    pub(super) fn handle_group_answer(&mut self, group: GroupId, answer: Answer) {
        let Answer::Members(result) = answer else { return };
        if let Err(error) = &result {
            log::debug!("the members of group {group} are not known: {error}");
        }
        let exists = result.as_ref().map(Option::is_some);
        let members = result.as_ref().ok().cloned().flatten();
        let Loaded::For { waiting, late } = self.core.groups.loaded(group, members) else {
            return self.core.work(Ticket::Group(group), Request::Members(group));
        };
        for conn in waiting {
            if let Some(session) = self.sessions.get_mut(&conn) {
                sending::group_known(session, exists, &mut self.core);
            }
        }
        if self.core.groups.served(group, late) {
            self.core.work(Ticket::Group(group), Request::Members(group));
        }
        self.run();
    }

    /// All that the user sent from the session before the one at `to` is settled.
    pub(super) fn sender_settled(&mut self, to: LoginId) {
        // It may be said twice, when it could not be known whether it had arrived.
        if self.core.heirs.remove(&to).is_none() {
            return;
        }
        self.core.owes_less(to);
        if let Some(session) = at(&mut self.sessions, to) {
            sending::release(session, to, &mut self.core);
        }
    }

    fn not_here(&mut self, to: LoginId, debt: inbox::Debt) {
        let from = Place { shard: self.core.shard, login: to };
        self.core.post(debt.home, PeerMessage::NotHere { lane: debt.lane, from });
    }

    fn carry_out(&mut self, action: Action) {
        let core = &mut self.core;
        match action {
            Action::Locate(lane) => core.effects.push(Effect::Locate(lane)),
            Action::Deliver { place, lane, again, message } => {
                let (to, home) = (place.login, core.shard);
                core.post(place.shard, PeerMessage::Deliver { to, lane, home, again, message });
            }
            Action::Deposit { lane, messages } => {
                let write = Write::Deposit { recipient: lane.recipient, messages };
                core.work(Ticket::Lane(lane), Request::Write(write));
            }
            Action::Remove { recipient, rows } => {
                core.work(Ticket::Nobody, Request::Write(Write::Remove { recipient, rows }));
            }
            Action::Mail { place, first, lane } => {
                let (to, home) = (place.login, core.shard);
                core.post(place.shard, PeerMessage::Mail { to, first, lane, home });
            }
            Action::Arm { at, lane } => core.deadlines.arm(at, Deadline::Lane(lane)),
            Action::Answer(answer) => {
                if let Some(session) = self.sessions.get_mut(&answer.login.conn) {
                    sending::ended(session, &answer, core);
                }
            }
            Action::Over { login, load } => {
                core.owes_less(login);
                if let Some(session) = self.sessions.get_mut(&login.conn) {
                    session.settle(login, load, core);
                }
            }
        }
    }
}

/// The session at which this login still is.
pub(super) fn at(sessions: &mut Sessions, login: LoginId) -> Option<&mut Session> {
    let session = sessions.get_mut(&login.conn)?;
    session.online_as(login).is_some().then_some(session)
}
