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
    /// Its users are being put into Redis.
    Asserting,
    /// Then the store is looked at: what was stored before others found these users again was told
    /// to nobody.
    Looking {
        since: Instant,
        look: Look,
    },
    Joined,
}

/// A look at the store that began after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
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

    pub(super) fn handle_echo(&mut self, number: u64) {
        while let Some((known, sent)) = self.echoes.front().copied() {
            if known > number {
                break;
            }
            self.echoes.pop_front();
            if known == number {
                self.echo_until = Some(sent + ECHO_HOLDS);
            }
        }
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

    /// The store was looked at to the end; whether it is to be looked at once more.
    pub(super) fn handle_looked(&mut self) -> bool {
        let Phase::Looking { look, .. } = &mut self.phase else { return false };
        *look = match look {
            Look::OneMore => Look::Wanted,
            Look::Wanted | Look::Done => Look::Done,
        };
        *look == Look::Wanted
    }

    pub(super) fn has_asserts(&self) -> bool {
        !self.to_assert.is_empty()
    }

    /// A question about a holding is over.
    pub(super) fn asserted_or_not(&mut self) {
        self.asserting -= 1;
    }
}

impl Member {
    /// Begins to come back.
    pub(super) fn rejoin(&mut self) {
        let users = (0..Directory::PARTS).flat_map(|part| self.directory.users_of(part)).collect();
        self.presence.standing.lose();
        self.presence.phase = Phase::Asserting;
        self.presence.to_assert = users;
    }

    /// Goes on with that, and tells the node how long its standing is good.
    pub(super) fn settle(&mut self) {
        let now = self.now.instant;
        let presence = &mut self.presence;
        let asserted = presence.asserting == 0 && presence.to_assert.is_empty();
        if matches!(presence.phase, Phase::Asserting) && asserted {
            let open = self.look == super::LookState::Open;
            let look = if open { Look::OneMore } else { Look::Wanted };
            presence.phase = Phase::Looking { since: now, look };
            self.want_look();
        }
        let presence = &mut self.presence;
        match presence.phase {
            Phase::Asserting => return,
            Phase::Looking { since, look } if look != Look::Done && since + LOOK_WITHIN > now => {
                return;
            }
            Phase::Looking { .. } => presence.phase = Phase::Joined,
            Phase::Joined => {}
        }
        if let (Some(lease), Some(echo)) = (presence.lease_until, presence.echo_until) {
            presence.standing.set(now, lease.min(echo));
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
        if self.bus != super::Bus::Up {
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
            return self.supersede(other.place, place);
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
    pub(super) fn supersede(&mut self, other: Place, by: Place) {
        let Place { shard, login } = other;
        let message = PeerMessage::Superseded { to: login, by };
        if shard.node == self.own {
            self.tell(other, message);
        } else if self.roster.has(shard.node) {
            self.streams.push(shard.node, shard.index, message);
        }
    }
}
