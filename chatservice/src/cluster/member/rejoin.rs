//! Coming back: a node whose lease ended, or whose Redis was away, puts there again whom it has,
//! gives up those whom others have taken since, and looks for rows that it missed, before it takes
//! part again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chatproto::UserId;

use super::{Member, Purpose};
use crate::chat::{PeerMessage, Place};
use crate::cluster::call::{Call, LEASE};
use crate::cluster::holding::{Holding, HoldingState};
use crate::cluster::standing::{ECHO_HOLDS, Standing};
use crate::presence::Directory;

/// Holdings that are asserted in one pipeline, so that others do not wait long behind them.
const ASSERTS_MAX: usize = 500;
/// A lease counts for less here than in Redis, by what the clocks may differ.
const LEASE_MARGIN: Duration = Duration::from_millis(500);
/// How long a rejoining node waits for the store: while it does not answer, nothing of what it
/// holds can be shown either way.
const LOOK_WITHIN: Duration = Duration::from_secs(3);
/// Echoes that may be under way.
const ECHOES_MAX: usize = 8;

/// How a node's presence among the others is known to itself.
#[derive(Debug)]
pub(super) struct Presence {
    standing: Arc<Standing>,
    lease_until: Option<Instant>,
    echo_until: Option<Instant>,
    echoes: VecDeque<(u64, Instant)>,
    last_echo: u64,
    /// Users whose holdings are to be put into Redis, …
    to_assert: VecDeque<UserId>,
    /// … and questions about that which are open.
    asserting: usize,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// Not before these are done.
    Rejoining {
        since: Instant,
        look: Look,
    },
    Joined,
}

/// A look at the store that began after the rejoining did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// One that is open may have begun before.
    OneMore,
    Wanted,
    Done,
}

impl Presence {
    pub(super) fn new(standing: Arc<Standing>) -> Self {
        Self {
            standing,
            lease_until: None,
            echo_until: None,
            echoes: VecDeque::new(),
            last_echo: 0,
            to_assert: VecDeque::new(),
            asserting: 0,
            phase: Phase::Joined,
        }
    }

    /// What to say to oneself next.
    pub(super) fn next_echo(&mut self, now: Instant) -> u64 {
        self.last_echo += 1;
        self.echoes.push_back((self.last_echo, now));
        if self.echoes.len() > ECHOES_MAX {
            self.echoes.pop_front();
        }
        self.last_echo
    }

    pub(super) fn handle_echo(&mut self, now: Instant, number: u64) {
        while let Some((known, sent)) = self.echoes.front().copied() {
            if known > number {
                break;
            }
            self.echoes.pop_front();
            if known == number {
                self.echo_until = Some(sent + ECHO_HOLDS);
            }
        }
        self.settle(now);
    }

    pub(super) fn handle_deaf(&mut self) {
        self.echoes.clear();
        self.echo_until = None;
        self.standing.lose();
    }

    /// This node is not one of the others until it has come back.
    pub(super) fn lose(&mut self) {
        self.lease_until = None;
        self.standing.lose();
    }

    pub(super) fn handle_renewed(&mut self, sent: Instant) {
        self.lease_until = Some(sent + LEASE - LEASE_MARGIN);
    }

    /// The store has answered; what is still wanted of it.
    pub(super) fn handle_looked(&mut self) -> Look {
        let Phase::Rejoining { look, .. } = &mut self.phase else { return Look::Done };
        *look = match look {
            Look::OneMore => Look::Wanted,
            Look::Wanted | Look::Done => Look::Done,
        };
        *look
    }

    /// A question about a holding is over.
    pub(super) fn asserted_or_not(&mut self) {
        self.asserting -= 1;
    }

    /// Tells the node how long its standing is good.
    pub(super) fn settle(&mut self, now: Instant) {
        if let Phase::Rejoining { since, look } = &self.phase {
            let looked = *look == Look::Done || *since + LOOK_WITHIN <= now;
            if self.asserting > 0 || !self.to_assert.is_empty() || !looked {
                return;
            }
            self.phase = Phase::Joined;
        }
        if let (Some(lease), Some(echo)) = (self.lease_until, self.echo_until) {
            self.standing.set(now, lease.min(echo));
        }
    }
}

impl Member {
    /// Begins to come back.
    pub(super) fn rejoin(&mut self) {
        let users: Vec<_> =
            (0..Directory::PARTS).flat_map(|part| self.directory.users_of(part)).collect();
        let presence = &mut self.presence;
        presence.standing.lose();
        presence.phase = Phase::Rejoining {
            since: self.now.instant,
            look: match self.look {
                super::LookState::Open => Look::OneMore,
                super::LookState::Idle | super::LookState::Wanted => Look::Wanted,
            },
        };
        presence.to_assert = users.into();
        if self.look == super::LookState::Idle {
            self.look = super::LookState::Wanted;
        }
    }

    /// Asserts some of those whom this node has, all of them in time: one whom another node took,
    /// and who was not told, is found out so.
    pub(super) fn assert_part(&mut self) {
        for _ in 0..Directory::PARTS {
            if self.presence.to_assert.len() >= ASSERTS_MAX {
                break;
            }
            self.presence.to_assert.extend(self.directory.users_of(self.part));
            self.part = (self.part + 1) % Directory::PARTS;
        }
    }

    /// Puts some of those whom this node has into the next pipeline.
    pub(super) fn assert_some(&mut self) {
        if self.bus == super::Bus::Down {
            return;
        }
        for _ in 0..ASSERTS_MAX {
            let Some(user) = self.presence.to_assert.pop_front() else { break };
            if let Some((place, stamp)) = self.directory.claimed(user) {
                let mine = Holding { place, stamp, state: HoldingState::Online };
                self.next.push((Call::Assert { user, mine }, Purpose::Assert(user, place)));
                self.presence.asserting += 1;
            }
        }
    }

    pub(super) fn asserted(
        &mut self,
        user: UserId,
        place: Place,
        kept: bool,
        other: Option<Holding>,
    ) {
        self.presence.asserted_or_not();
        let Some(other) = other.filter(|other| other.place != place) else { return };
        if kept {
            return self.supersede(other, place);
        }
        let known = self.directory.claimed(user).filter(|(at, _)| *at == place);
        let Some((_, stamp)) = known else { return };
        if self.roster.has(other.place.shard.node) {
            self.directory.release(user, place, false);
            let (to, by) = (place.login, other.place);
            self.tell(place, PeerMessage::Superseded { to, by });
        } else {
            let mine = Holding { place, stamp, state: HoldingState::Online };
            let instead_of = Some(other);
            let claim = Call::Claim { user, mine, force: false, instead_of };
            self.next.push((claim, Purpose::Nothing));
        }
    }

    /// A session that lost its user to one of this node, while it could not be told.
    fn supersede(&mut self, other: Holding, by: Place) {
        let Place { shard, login } = other.place;
        let message = PeerMessage::Superseded { to: login, by };
        if shard.node == self.own {
            self.tell(other.place, message);
        } else if self.roster.has(shard.node) {
            self.streams.push(shard.node, shard.index, message);
        }
    }
}
