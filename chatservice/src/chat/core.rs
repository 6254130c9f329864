//! What all sessions of a shard share, and how effects leave it.

use std::collections::VecDeque;

use chatproto::{Answer, Errno};
use jiff::Timestamp;
use rustc_hash::FxHashMap;

use super::Now;
use super::deadlines::{Deadline, Deadlines};
use super::effect::{ConnId, Effect, LoginId, NodeId, PeerMessage, Place, ShardId, Ticket};
use super::effects::Effects;
use super::groups::Groups;
use super::inbox::{Action, Inbox};
use super::ledger::Ledger;
use super::session::Style;
use super::sid::SidSource;
use crate::limits::Rules;
use crate::message::Message;
use crate::storage::{Request, Write};
use chatproto::UserId;

/// 128 random bits that nobody can guess; where they come from is the embedder's choice.
pub type Random = Box<dyn FnMut() -> [u8; 16]>;

/// See the module.
pub(super) struct Core {
    pub(super) shard: ShardId,
    /// Shards of this node, this one included.
    pub(super) shards: u16,
    pub(super) rules: Rules,
    pub(super) effects: Effects,
    pub(super) ledger: Ledger,
    pub(super) groups: Groups,
    pub(super) deadlines: Deadlines,
    pub(super) sids: SidSource,
    pub(super) random: Random,
    /// The time of the call that is being handled.
    pub(super) now: Now,
    /// Logins on this shard so far.
    logins: u64,
    /// The same for joins.
    joins: u64,
    /// Logins that ended with messages unsettled.
    pub(super) owing: FxHashMap<LoginId, Owing>,
    /// Logins that took their account from another session, until all that was sent from there is
    /// settled.
    pub(super) heirs: FxHashMap<LoginId, Place>,
    /// Claims that are not answered.
    pub(super) claims: usize,
    /// What was sent to logins that have their place already, but do not know it yet.
    pub(super) early: FxHashMap<LoginId, Vec<PeerMessage>>,
    /// What this shard has to say to itself.
    pub(super) local: VecDeque<PeerMessage>,
    clock_text: (u64, String),
    /// Lent to inboxes, and kept for its memory.
    inbox_actions: Vec<Action>,
}

/// A session that ended, or whose user left it, before everything it sent was settled.
pub(super) struct Owing {
    pub(super) user: UserId,
    /// Messages that are not settled, and one for writes that are not committed.
    pub(super) left: usize,
    /// The user's next sessions, which wait for them: more than one when they did not know of
    /// each other.
    pub(super) heirs: Vec<Place>,
}

impl Core {
    pub(super) fn new(
        now: Now,
        shard: ShardId,
        shards: u16,
        rules: Rules,
        mut random: Random,
    ) -> Self {
        let [first, second, ..] = random();
        let incarnation = u16::from_le_bytes([first, second]);
        let origin = shard.index.wrapping_add(shard.node.0 as u16);
        Self {
            shard,
            shards,
            effects: Effects::default(),
            // Twice the recipient's side's patience: it knows its client, and usually acts first.
            ledger: Ledger::new(rules.patience * 2, shard.node != NodeId::ALONE),
            groups: Groups::default(),
            deadlines: Deadlines::new(now.instant),
            sids: SidSource::new(origin, incarnation),
            random,
            now,
            rules,
            logins: 0,
            joins: 0,
            owing: FxHashMap::default(),
            heirs: FxHashMap::default(),
            claims: 0,
            early: FxHashMap::default(),
            local: VecDeque::new(),
            clock_text: (u64::MAX, String::new()),
            inbox_actions: Vec::new(),
        }
    }

    /// Sends to a shard, which may be this one.
    pub(super) fn post(&mut self, to: ShardId, message: PeerMessage) {
        if to == self.shard {
            self.local.push_back(message);
        } else {
            self.effects.push(Effect::Peer { to, message });
        }
    }

    /// The shard of this node that comes after this one, if one does.
    pub(super) fn next_shard(&self) -> Option<ShardId> {
        let next = ShardId { index: self.shard.index + 1, ..self.shard };
        (next.index < self.shards).then_some(next)
    }

    /// The first shard of this node.
    pub(super) fn first_shard(&self) -> ShardId {
        ShardId { index: 0, ..self.shard }
    }

    /// `login` takes over from the session at `old`.
    pub(super) fn evict(&mut self, login: LoginId, old: Place) {
        let by = Place { shard: self.shard, login };
        self.post(old.shard, PeerMessage::Evict { to: old.login, by });
    }

    /// Asks those again who may not have heard that they lost their account.
    pub(super) fn evict_again(&mut self, node: NodeId) {
        let there = self.heirs.iter().filter(|(_, old)| old.shard.node == node);
        for (login, old) in there.map(|(login, old)| (*login, *old)).collect::<Vec<_>>() {
            self.evict(login, old);
        }
    }

    /// The number of the next join.
    pub(super) fn next_join(&mut self) -> u64 {
        self.joins += 1;
        self.joins
    }

    /// The next login at `conn`.
    pub(super) fn next_login(&mut self, conn: ConnId) -> LoginId {
        self.logins += 1;
        LoginId { conn, number: self.logins }
    }

    /// A message sent from `login`, which is over, is settled, or what it waited for has come.
    pub(super) fn owes_less(&mut self, login: LoginId) {
        let Some(owing) = self.owing.get_mut(&login) else { return };
        owing.left -= 1;
        if owing.left > 0 {
            return;
        }
        let Some(owing) = self.owing.remove(&login) else { return };
        self.effects.push(Effect::Settled { login, user: owing.user });
        for heir in owing.heirs {
            self.post(heir.shard, PeerMessage::SenderSettled { to: heir.login });
        }
    }

    pub(super) fn work(&mut self, ticket: Ticket, request: Request) {
        self.effects.push(Effect::Work { ticket, request });
    }

    pub(super) fn answer(&mut self, conn: ConnId, answer: &Answer<'_>) {
        self.effects.send(conn, |out| answer.write(out));
    }

    /// A request succeeded: said only to those who gave it a mid.
    pub(super) fn done(&mut self, conn: ConnId, mid: Option<&str>) {
        if mid.is_some() {
            self.answer(conn, &Answer { mid, ..Answer::default() });
        }
    }

    /// A request failed: said in any case.
    pub(super) fn fail(&mut self, conn: ConnId, mid: Option<&str>, errno: Errno, text: &str) {
        self.answer(conn, &Answer { mid, errno, errmsg: Some(text), ..Answer::default() });
    }

    /// The wall clock as `YYYY-MM-DD HH:MM:SS` in UTC.
    pub(super) fn time_text(&mut self) -> &str {
        let second = self.now.unix_ms / 1000;
        if self.clock_text.0 != second {
            let time = i64::try_from(second).ok().and_then(|s| Timestamp::from_second(s).ok());
            let text = time.unwrap_or_default().strftime("%Y-%m-%d %H:%M:%S").to_string();
            self.clock_text = (second, text);
        }
        &self.clock_text.1
    }

    fn push(&mut self, conn: ConnId, style: Style, seq: u64, message: &Message) {
        let (sid, object) = (message.sid, &message.object);
        match style {
            Style::Plain => self.effects.show(conn, sid, |out| object.write_plain(out)),
            Style::Acknowledging => self.effects.send(conn, |out| {
                object.write_acknowledged(out, seq, sid.text().as_str(), &message.mid);
            }),
        }
    }

    /// To be called before an inbox is given something to do.
    pub(super) fn lend_actions(&mut self, inbox: &mut Inbox) {
        inbox.lend_actions(std::mem::take(&mut self.inbox_actions));
    }

    /// Carries out what an inbox wants done.
    pub(super) fn settle_inbox(
        &mut self,
        login: LoginId,
        user: UserId,
        style: Style,
        inbox: &mut Inbox,
    ) {
        let conn = login.conn;
        let mut actions = inbox.take_actions();
        for action in actions.drain(..) {
            match action {
                Action::Push { seq, message } => self.push(conn, style, seq, &message),
                Action::Settle { debt, sid, how } => {
                    self.post(debt.home, PeerMessage::Settled { lane: debt.lane, sid, how });
                }
                Action::NotHere(debt) => {
                    let from = Place { shard: self.shard, login };
                    self.post(debt.home, PeerMessage::NotHere { lane: debt.lane, from });
                }
                Action::Read { after, limit } => {
                    self.work(
                        Ticket::Inbox(login),
                        Request::Rows { recipient: user, after, limit },
                    );
                }
                Action::Deposit(messages) => {
                    let write = Write::Deposit { recipient: user, messages };
                    self.work(Ticket::Inbox(login), Request::Write(write));
                }
                Action::Remove { rows, sids } => {
                    let write = Write::Remove { recipient: user, rows };
                    self.work(Ticket::Removal(login, sids), Request::Write(write));
                }
                Action::Withdraw(messages) => {
                    let sids = messages.iter().map(|message| message.sid).collect();
                    let write = Write::Withdraw { recipient: user, messages };
                    self.work(Ticket::Removal(login, sids), Request::Write(write));
                }
                Action::Arm(at) => self.deadlines.arm(at, Deadline::Inbox(conn)),
            }
        }
        self.inbox_actions = actions;
    }
}
