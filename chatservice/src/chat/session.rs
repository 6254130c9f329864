//! One connection: what its bytes ask for, who it is, and what it waits for.

mod deferred;
mod delivery;
mod requests;
mod unsettled;

use core::net::IpAddr;
use std::time::Instant;

use chatproto::{Errno, Framer, Goodbye, UserId};
use compact_str::CompactString;
use rustc_hash::FxHashMap;

use deferred::Deferred;
pub(super) use delivery::deposit_result;
use unsettled::Unsettled;

use super::contacts;
use super::core::{Core, Owing};
use super::deadlines::Deadline;
use super::effect::{ConnId, Effect, LoginId, Ticket};
use super::inbox::Inbox;
use super::ledger::Load;
use super::login::Login;
use super::mids::Mids;
use super::register::Register;
use super::sending::Chat;
use crate::storage::{self, Write};

/// How a client takes what is pushed to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// As the original: what the kernel took is delivered.
    Plain,
    /// It numbers and acknowledges.
    Acknowledging,
}

/// A user at a connection.
#[derive(Debug)]
pub(super) struct Online {
    pub(super) login: LoginId,
    pub(super) user: UserId,
    pub(super) name: CompactString,
    pub(super) style: Style,
    pub(super) inbox: Inbox,
    pub(super) sends: Sends,
    /// Messages that are not settled, and one for being held.
    pub(super) owes: usize,
    pub(super) mids: Mids,
}

/// Whether what the user sends may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sends {
    Open,
    /// What it sent from a session on another shard is not settled.
    Held,
}

/// Who is at the connection.
#[derive(Debug)]
pub(super) enum Phase {
    /// Nobody, since then.
    Anonymous(Instant),
    /// A user.
    Online(Box<Online>),
    /// The client sent its last byte: it gets the answers that it waits for, then it is closed.
    Leaving,
    /// Nothing is read any more; the last bytes are on their way.
    Closing,
}

/// The request that must be answered before the next one is carried out. What is large is boxed:
/// every session has room for this, few have one.
#[derive(Debug)]
pub(super) enum Pending {
    Login(Box<Login>),
    Register(Box<Register>),
    AddFriend {
        mid: Option<Box<str>>,
    },
    CreateGroup {
        mid: Option<Box<str>>,
    },
    JoinGroup(Box<contacts::Join>),
    Logout {
        mid: Option<Box<str>>,
    },
    /// It waits for the members of its group, or for its turn.
    Chat(Box<Chat<'static>>),
}

/// Whether the client is known to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pulse {
    /// That is when it was heard last.
    Heard,
    /// It has said nothing since it was asked.
    Asked,
}

/// Whether bytes of the client are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Open,
    /// Since then something has to happen first.
    Paused(Instant),
    /// Never again.
    Stopped,
}

/// The sessions of a shard. Boxed, since a map has up to twice as much room as entries.
pub(super) type Sessions = FxHashMap<ConnId, Box<Session>>;

/// See the module.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) conn: ConnId,
    /// `None` for loopback, which limits by address leave out.
    pub(super) address: Option<IpAddr>,
    pub(super) phase: Phase,
    pub(super) pending: Option<Pending>,
    pub(super) framer: Framer,
    /// What came behind the pending request.
    deferred: Option<Box<Deferred>>,
    /// What its users sent and is not settled.
    unsettled: Unsettled,
    pulse: Pulse,
    /// When its pulse became what it is.
    pulse_since: Instant,
    reading: Reading,
    /// When to look at this session next.
    deadline: Option<Instant>,
}

impl Session {
    pub(super) fn new(conn: ConnId, address: IpAddr, core: &mut Core) -> Self {
        let now = core.now.instant;
        let mut session = Self {
            conn,
            address: (!address.to_canonical().is_loopback()).then_some(address),
            phase: Phase::Anonymous(now),
            pending: None,
            framer: Framer::new(core.rules.anonymous_object_max),
            deferred: None,
            unsettled: Unsettled::default(),
            pulse: Pulse::Heard,
            pulse_since: now,
            reading: Reading::Open,
            deadline: None,
        };
        session.look_again(now + core.rules.login_within, core);
        session
    }

    /// Leaves the user's place, if there is a user: what it has not acknowledged goes back to
    /// the senders' sides.
    pub(super) fn go_offline(&mut self, core: &mut Core) {
        let Phase::Online(online) = &mut self.phase else { return };
        let user = online.user;
        // First the place, then the debts: whoever looks for the user now must not be sent here.
        let (login, writing) = (online.login, online.inbox.is_writing());
        let left = online.owes + usize::from(writing);
        if left > 0 {
            core.owing.insert(login, Owing { user, left, heirs: Vec::new() });
        }
        core.effects.push(Effect::Release { login, user, owing: left > 0 });
        core.effects.push(Effect::LoggedIn { conn: self.conn, online: false });
        if writing {
            let barrier = Write::UserBarrier { user };
            core.work(Ticket::Flushed(login), storage::Request::Write(barrier));
        }
        core.lend_actions(&mut online.inbox);
        online.inbox.close();
        core.settle_inbox(login, user, online.style, &mut online.inbox);
        self.phase = Phase::Leaving;
    }

    /// Says why and closes, once everything queued is written.
    pub(super) fn part(
        &mut self,
        errno: Errno,
        text: &str,
        retry_ms: Option<u64>,
        core: &mut Core,
    ) {
        if self.is_over() {
            return;
        }
        self.go_offline(core);
        let goodbye = Goodbye { errno, errmsg: Some(text), retry_ms };
        core.effects.send(self.conn, |out| goodbye.write(out));
        self.close(core);
    }

    pub(super) fn close(&mut self, core: &mut Core) {
        self.go_offline(core);
        self.phase = Phase::Closing;
        self.pending = None;
        self.deferred = None;
        core.effects.push(Effect::Close(self.conn));
    }

    /// A message of this session's user is under way, …
    pub(super) fn owe(&mut self, load: Load) {
        self.unsettled.add(load);
        if let Phase::Online(online) = &mut self.phase {
            online.owes += 1;
        }
    }

    /// … or has arrived; by now its user may have left.
    pub(super) fn settle(&mut self, login: LoginId, load: Load, core: &mut Core) {
        self.unsettled.subtract(load);
        if let Some(online) = self.online_as(login) {
            online.owes -= 1;
        }
        self.resume(core);
    }

    /// Is the client alive, and has it logged in?
    pub(super) fn handle_deadline(&mut self, core: &mut Core) {
        let (now, rules) = (core.now.instant, &core.rules);
        // An entry that a nearer one has replaced.
        if self.deadline.is_none_or(|at| at > now) {
            return;
        }
        self.deadline = None;
        let next = match &mut self.phase {
            Phase::Anonymous(since) => {
                let due = *since + rules.login_within;
                if self.pending.is_some() {
                    now + rules.login_within
                } else if due <= now {
                    self.close(core);
                    return;
                } else {
                    due
                }
            }
            Phase::Online(online) => {
                online.inbox.rest();
                let idle = now.checked_sub(rules.ping_after).is_none_or(|at| online.mids.rest(at));
                let ping_at = self.pulse_since + rules.ping_after;
                if online.style == Style::Plain {
                    if idle {
                        return;
                    }
                    now + rules.ping_after
                } else if self.pulse == Pulse::Heard && ping_at > now {
                    ping_at
                } else {
                    // Nobody is closed who was not asked: after a pause of the whole process the
                    // answer may lie unread.
                    if self.pulse == Pulse::Heard {
                        (self.pulse, self.pulse_since) = (Pulse::Asked, now);
                    }
                    let closed_at = self.pulse_since + (rules.silence - rules.ping_after);
                    if closed_at <= now {
                        self.part(Errno::TooSlow, "nothing was heard from you", None, core);
                        return;
                    }
                    core.effects.send(self.conn, chatproto::ping);
                    closed_at.min(now + core.rules.ping_after)
                }
            }
            Phase::Leaving | Phase::Closing => return,
        };
        self.look_again(next, core);
    }

    /// Looks at the deadlines of this session at `at`, or earlier if that is arranged.
    pub(super) fn look_again(&mut self, at: Instant, core: &mut Core) {
        if self.deadline.is_none_or(|arranged| at < arranged) {
            self.deadline = Some(at);
            core.deadlines.arm(at, Deadline::Session(self.conn));
        }
    }

    /// Something was done that takes memory: has a look later whether it can be given back. Those
    /// who are asked whether they are there are looked at in any case.
    pub(super) fn rest_later(&mut self, core: &mut Core) {
        if self.deadline.is_none() {
            self.look_again(core.now.instant + core.rules.ping_after, core);
        }
    }

    /// The client shows that it is there, by its words or by taking ours.
    pub(super) fn handle_alive(&mut self, core: &Core) {
        self.pulse = Pulse::Heard;
        self.pulse_since = core.now.instant;
    }

    /// The user of this login, if it is still the one that is here.
    pub(super) fn online_as(&mut self, login: LoginId) -> Option<&mut Online> {
        self.online().filter(|online| online.login == login)
    }

    pub(super) fn online(&mut self) -> Option<&mut Online> {
        match &mut self.phase {
            Phase::Online(online) => Some(online),
            _ => None,
        }
    }

    /// Pauses reading for good: the node is shutting down.
    pub(super) fn stop_reading(&mut self, core: &mut Core) {
        if self.reading == Reading::Open {
            core.effects.push(Effect::PauseReading(self.conn));
        }
        self.reading = Reading::Stopped;
    }

    fn close_if_answered(&mut self, core: &mut Core) {
        let waits = self.pending.is_some() || !self.unsettled.is_empty();
        if matches!(self.phase, Phase::Leaving) && !waits {
            self.close(core);
        }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Leaving | Phase::Closing)
    }
}
