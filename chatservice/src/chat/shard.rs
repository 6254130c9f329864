//! The sessions of one loop, and the one door through which everything comes in.
//!
//! After each `handle_*` the embedder carries out the effects, in order, and hands answers in
//! again; some come at once, others much later.

mod routing;

#[cfg(test)]
mod tests;

use core::net::IpAddr;
use std::time::Instant;

use chatproto::{Errno, UserId};

use self::routing::at;
use super::core::{Core, Random};
use super::deadlines::Deadline;
use super::effect::{
    Admission, Claim, ConnId, LaneKey, Located, LoginId, NodeId, PeerMessage, ShardId, Ticket,
};
use super::effects::Effects;
use super::session::{Pending, Session, Sessions};
use super::{Now, contacts, ledger, login, register};
use crate::limits::Rules;
use crate::storage::Answer;

/// See the module. Not tied to a thread; one at a time calls it.
pub struct Shard {
    sessions: Sessions,
    core: Core,
    stopping: bool,
    /// Kept between calls for its memory.
    ledger_actions: Vec<ledger::Action>,
}

impl Shard {
    /// The shard `shard`, one of `shards` on its node. `random` must not be guessable: tokens are
    /// made of it.
    pub fn new(now: Now, shard: ShardId, shards: u16, rules: Rules, random: Random) -> Self {
        Self {
            sessions: Sessions::default(),
            core: Core::new(now, shard, shards, rules, random),
            stopping: false,
            ledger_actions: Vec::new(),
        }
    }

    /// What is to be done; the embedder clears it.
    pub fn effects(&mut self) -> &mut Effects {
        &mut self.core.effects
    }

    /// A client connected from `address`.
    pub fn handle_opened(&mut self, now: Now, conn: ConnId, address: IpAddr) {
        self.core.now = now;
        let mut session = Session::new(conn, address, &mut self.core);
        if self.stopping {
            session.stop_reading(&mut self.core);
        }
        self.sessions.insert(conn, Box::new(session));
    }

    /// `unread` is what the connection has sent and was not used up before; returns how much of
    /// it is used up now.
    pub fn handle_bytes(&mut self, now: Now, conn: ConnId, unread: &[u8]) -> usize {
        self.core.now = now;
        let Some(session) = self.sessions.get_mut(&conn) else { return unread.len() };
        let used = session.handle_bytes(unread, &mut self.core);
        self.run();
        used
    }

    /// The client will send no more.
    pub fn handle_end_of_stream(&mut self, now: Now, conn: ConnId) {
        self.core.now = now;
        self.with_session(conn, |session, core| session.handle_end_of_stream(core));
    }

    /// The kernel took everything that was queued on the connection.
    pub fn handle_written(&mut self, now: Now, conn: ConnId) {
        self.core.now = now;
        self.with_session(conn, |session, core| session.handle_written(core));
    }

    /// The client takes what it is sent, so it is there.
    pub fn handle_alive(&mut self, now: Now, conn: ConnId) {
        self.core.now = now;
        self.with_session(conn, |session, core| session.handle_alive(core));
    }

    /// The connection is gone.
    pub fn handle_closed(&mut self, now: Now, conn: ConnId) {
        self.core.now = now;
        if let Some(mut session) = self.sessions.remove(&conn) {
            session.go_offline(&mut self.core);
            self.run();
        }
    }

    /// The answer to [`super::Effect::Work`].
    pub fn handle_answer(&mut self, now: Now, ticket: Ticket, answer: Answer) {
        self.core.now = now;
        match ticket {
            Ticket::Session(conn) => self.with_session(conn, |session, core| {
                session.handle_answer(answer, core);
            }),
            Ticket::Inbox(login) => {
                if let Some(session) = at(&mut self.sessions, login) {
                    session.handle_inbox_answer(answer, &mut self.core);
                    if self.stopping {
                        session.store_debts(&mut self.core);
                    }
                    self.run();
                }
            }
            Ticket::Removal(login, sids) => {
                // What was not removed comes again at the next login, but not at this one.
                if matches!(answer, Answer::Written(Ok(_)))
                    && let Some(session) = at(&mut self.sessions, login)
                    && let Some(online) = session.online()
                {
                    online.inbox.handle_removed(&sids);
                }
            }
            Ticket::Join { login, user, group } => {
                let Answer::Written(result) = answer else { return };
                let join = contacts::announce_join(login, user, group, &result, &mut self.core);
                match at(&mut self.sessions, login) {
                    Some(session) => contacts::join_written(session, join, result, &mut self.core),
                    None => log::debug!("{user} left before joining {group} was written"),
                }
                self.run();
            }
            Ticket::Evicted { old, by } => self.handle_evicted(old, by),
            Ticket::Flushed(login) => {
                self.core.owes_less(login);
                self.run();
            }
            Ticket::Lane(lane) => self.handle_lane_answer(lane, answer),
            Ticket::Group(group) => self.handle_group_answer(group, answer),
            Ticket::Nobody => {}
        }
    }

    /// The answer to [`super::Effect::Admit`].
    pub fn handle_admission(&mut self, now: Now, conn: ConnId, admission: Admission) {
        self.core.now = now;
        self.with_session(conn, |session, core| match &session.pending {
            Some(Pending::Login(_)) => login::admitted(session, admission, core),
            Some(Pending::Register(_)) => register::admitted(session, admission, core),
            _ => {}
        });
    }

    /// The answer to [`super::Effect::Claim`] of `login` for `user`.
    pub fn handle_claim(&mut self, now: Now, login: LoginId, user: UserId, claim: Claim) {
        self.core.now = now;
        let core = &mut self.core;
        core.claims = core.claims.saturating_sub(1);
        match login::waiting_for_claim(&mut self.sessions, login) {
            Some(session) => login::claimed(session, claim, core),
            None => login::claimed_too_late(login, user, claim, core),
        }
        for message in self.core.early.remove(&login).unwrap_or_default() {
            self.route(message);
        }
        self.run();
    }

    /// The answer to [`super::Effect::Announce`]: so many other nodes were told. When that cannot
    /// be known it does not come.
    pub fn handle_announced(&mut self, now: Now, login: LoginId, join: u64, nodes: usize) {
        self.core.now = now;
        if let Some(session) = at(&mut self.sessions, login) {
            contacts::announced(session, join, nodes, &mut self.core);
            self.run();
        }
    }

    /// A look of this node at the store, for rows that nobody was told of, was answered; it began
    /// then. Others look as often.
    pub fn handle_looked(&mut self, began: Instant) {
        self.core.ledger.handle_looked(began);
    }

    /// What was said to `node`, or by it, since the last time may not have arrived. From now on it
    /// does, in order.
    pub fn handle_link_lost(&mut self, now: Now, node: NodeId) {
        self.core.now = now;
        self.core.evict_again(node);
        self.core.ledger.handle_link_lost(node);
        self.run();
    }

    /// `node` has ended, or is out of reach.
    pub fn handle_unreachable(&mut self, now: Now, node: NodeId) {
        self.core.now = now;
        self.core.ledger.handle_unreachable(node);
        let heirs = self.core.heirs.iter().filter(|(_, old)| old.shard.node == node);
        for login in heirs.map(|(login, _)| *login).collect::<Vec<_>>() {
            self.route(PeerMessage::Evicted { to: login, settled: true });
        }
        self.run();
    }

    /// Whether this node is sure to hear what others announce. While it is not, what is known of
    /// groups may be old, and the store is asked each time.
    pub fn handle_standing(&mut self, now: Now, hears_all: bool) {
        self.core.now = now;
        self.core.groups.keep(hears_all);
    }

    /// The answer to [`super::Effect::Presence`]: those who are online, ascending.
    pub fn handle_presence(&mut self, now: Now, conn: ConnId, online: Vec<UserId>) {
        self.core.now = now;
        self.with_session(conn, |session, core| {
            login::presence_known(session, online, core);
        });
    }

    /// The answer to [`super::Effect::Locate`].
    pub fn handle_located(&mut self, now: Now, lane: LaneKey, found: Located) {
        self.core.now = now;
        self.core.ledger.handle_located(now.instant, lane, found);
        self.run();
    }

    /// Another shard says something.
    pub fn handle_peer(&mut self, now: Now, message: PeerMessage) {
        self.core.now = now;
        self.route(message);
        self.run();
    }

    /// When [`Self::handle_deadlines`] is to be called next.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.core.deadlines.next()
    }

    /// Looks at everything that is due.
    pub fn handle_deadlines(&mut self, now: Now) {
        self.core.now = now;
        while let Some(due) = self.core.deadlines.pop_due(now.instant) {
            let core = &mut self.core;
            match due {
                Deadline::Session(conn) => {
                    if let Some(session) = self.sessions.get_mut(&conn) {
                        session.handle_deadline(core);
                    }
                }
                Deadline::Penalty(conn) => {
                    if let Some(session) = self.sessions.get_mut(&conn) {
                        login::penalty_over(session, core);
                    }
                }
                Deadline::Inbox(conn) => {
                    if let Some(session) = self.sessions.get_mut(&conn) {
                        session.handle_inbox_deadline(core);
                    }
                }
                Deadline::Join(login, join) => {
                    if let Some(session) = at(&mut self.sessions, login) {
                        contacts::join_due(session, join, core);
                    }
                }
                Deadline::Lane(lane) => core.ledger.handle_deadline(now.instant, lane),
            }
        }
        self.run();
    }

    /// The node is shutting down: nothing more is read, everything owed becomes rows.
    pub fn handle_stop(&mut self, now: Now) {
        self.core.now = now;
        self.stopping = true;
        for session in self.sessions.values_mut() {
            session.stop_reading(&mut self.core);
            session.store_debts(&mut self.core);
        }
        self.run();
    }

    /// Whether no debt is in memory alone.
    pub fn is_settled(&self) -> bool {
        self.core.ledger.is_settled() && self.sessions.values().all(|session| session.is_settled())
    }

    /// Says goodbye to at most `at_most` clients and closes; they are asked to come back spread over
    /// `span_ms`. Whether somebody is left.
    pub fn handle_goodbye(&mut self, now: Now, at_most: usize, span_ms: u64) -> bool {
        self.core.now = now;
        let count = at_most.min(self.sessions.len()) as u64;
        let mut left = self.sessions.values_mut().filter(|session| !session.is_over());
        for (index, session) in left.by_ref().take(at_most).enumerate() {
            let retry_ms = span_ms * (index as u64 + 1) / count;
            let text = "the server is shutting down";
            session.part(Errno::ShuttingDown, text, Some(retry_ms), &mut self.core);
        }
        let some_left = left.next().is_some();
        self.run();
        some_left
    }

    fn with_session(&mut self, conn: ConnId, act: impl FnOnce(&mut Session, &mut Core)) {
        if let Some(session) = self.sessions.get_mut(&conn) {
            act(session, &mut self.core);
            self.run();
        }
    }
}
