//! Who has which user: taking one, giving it up, finding it.

use std::time::Instant;

use chatproto::UserId;

use super::{Bus, Member, Purpose};
use crate::chat::{Claim, ConnId, LaneKey, Located, Place};
use crate::cluster::call::Call;
use crate::cluster::command::{Audience, Notice};
use crate::cluster::holding::{Holding, HoldingState};

/// Users whom Redis has to be told that they left, while it is away; of more it learns by time.
const UNRELEASED_MAX: usize = 100_000;
/// Users that one question is about.
const LOCATED_MAX: usize = 1000;
/// How often a claim is made again because who has the user is not alive.
const CLAIMS_MAX: u8 = 4;

/// A lane that looks for its recipient.
#[derive(Clone, Copy, Debug)]
pub(super) struct Locating {
    pub(super) shard: u16,
    pub(super) lane: LaneKey,
    /// How often the answer was not to be trusted.
    pub(super) asked: u8,
}

/// A login that wants its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claiming {
    pub(super) place: Place,
    pub(super) user: UserId,
    pub(super) force: bool,
    /// When the question was asked, see [`Holding::stamp`].
    pub(super) stamp: u64,
    /// Who has the user, but is not alive.
    pub(super) instead_of: Option<Holding>,
    pub(super) asked: u8,
}

/// A login that asks who is online.
#[derive(Debug)]
pub(super) struct Present {
    pub(super) shard: u16,
    pub(super) conn: ConnId,
    /// Ascending.
    pub(super) users: Vec<UserId>,
    /// How often the answer was not to be trusted.
    pub(super) asked: u8,
}

impl Member {
    pub(super) fn locate(&mut self, locating: Locating) {
        if self.bus != Bus::Up {
            return self.located_by_itself(locating);
        }
        self.to_locate.push(locating);
    }

    /// Puts all who are to be found into the next pipeline.
    pub(super) fn locate_all(&mut self) {
        for lanes in std::mem::take(&mut self.to_locate).chunks(LOCATED_MAX) {
            let call = Call::Holdings(lanes.iter().map(|it| it.lane.recipient).collect());
            self.next.push((call, Purpose::Locate(lanes.to_vec())));
        }
    }

    pub(super) fn located(&mut self, lanes: Vec<Locating>, found: Vec<Option<Holding>>) {
        let found = found.into_iter().chain(std::iter::repeat(None));
        for (locating, online) in lanes.into_iter().zip(found) {
            self.located_one(locating, online);
        }
    }

    fn located_one(&mut self, locating: Locating, online: Option<Holding>) {
        let known = self.directory.locate(locating.lane.recipient).map(Located::At);
        let found = match (known, online) {
            (Some(here), _) => here,
            (None, None) if self.roster.is_warm => Located::Offline,
            (None, None) => Located::Unknown,
            (None, Some(Holding { state: HoldingState::Owing, .. })) => Located::Offline,
            (None, Some(Holding { place, .. })) => {
                let node = place.shard.node;
                if self.roster.has(node) && node != self.own {
                    Located::At(place)
                } else if node == self.own || locating.asked > 0 {
                    // It left a moment ago, or its node has ended.
                    Located::Offline
                } else {
                    // A node of which nothing was heard may be a new one.
                    self.renew();
                    return self.locate(Locating { asked: 1, ..locating });
                }
            }
        };
        self.tell_located(locating, found);
    }

    pub(super) fn located_by_itself(&mut self, locating: Locating) {
        let known = self.directory.locate(locating.lane.recipient);
        self.tell_located(locating, known.map_or(Located::Unknown, Located::At));
    }

    pub(super) fn claim(&mut self, mut claiming: Claiming) {
        claiming.stamp = self.now.unix_ms;
        if self.bus != Bus::Up {
            return self.claim_by_itself(claiming);
        }
        let Claiming { place, user, force, stamp, instead_of, .. } = claiming;
        if !force && self.directory.locate(user).is_some() {
            return self.tell_claimed(claiming, Claim::Taken);
        }
        let mine = Holding { place, stamp, state: HoldingState::Online };
        let call = Call::Claim { user, mine, force, instead_of };
        self.next.push((call, Purpose::Claim(claiming)));
    }

    pub(super) fn claimed(&mut self, claiming: Claiming, granted: bool, before: Option<Holding>) {
        let Claiming { place, user, stamp, asked, .. } = claiming;
        if granted {
            let here = self.directory.claim(user, place, stamp, true);
            // Redis may have forgotten who had it.
            let known = match here {
                Claim::Granted(known) => known,
                Claim::Taken => None,
            };
            let before = before.map(|before| before.place);
            if let Some(known) = known.filter(|known| before.is_some_and(|it| it != *known)) {
                self.supersede(known, place);
            }
            let before = before.or(known);
            return self.tell_claimed(claiming, Claim::Granted(before));
        }
        let Some(before) = before.filter(|_| asked < CLAIMS_MAX) else {
            return self.tell_claimed(claiming, Claim::Taken);
        };
        let node = before.place.shard.node;
        let alive = if node == self.own {
            self.directory.locate(user) == Some(before.place)
        } else {
            self.roster.has(node)
        };
        if alive {
            return self.tell_claimed(claiming, Claim::Taken);
        }
        // A node of which nothing was heard may be a new one: the second time it is known.
        let stranger = node != self.own && asked == 0;
        if stranger {
            self.renew();
        }
        let instead_of = (!stranger).then_some(before);
        self.claim(Claiming { instead_of, asked: asked + 1, ..claiming });
    }

    /// Redis cannot tell who has the user, so this node decides for itself; who was right shows
    /// when Redis is back. What the user sent on another node may have become rows, and have been
    /// answered, without anybody here having heard of them: they are looked for first, so that
    /// what the user sends here does not overtake them.
    pub(super) fn claim_by_itself(&mut self, claiming: Claiming) {
        self.claims_alone.push((self.now.instant, claiming));
        self.want_look();
    }

    /// A look at the store that began then was answered.
    pub(super) fn claim_those_looked_for(&mut self, began: Instant) {
        let looked_for = self.claims_alone.extract_if(.., |(since, _)| *since <= began);
        for (_, claiming) in looked_for.collect::<Vec<_>>() {
            if self.bus == Bus::Up {
                self.claim(claiming);
            } else {
                let Claiming { place, user, force, .. } = claiming;
                let claim = self.directory.claim(user, place, self.now.unix_ms, force);
                self.tell_claimed(claiming, claim);
            }
        }
        if !self.claims_alone.is_empty() {
            self.want_look();
        }
    }

    pub(super) fn release(&mut self, user: UserId, place: Place, owing: bool) {
        if self.bus != Bus::Up {
            return self.remember_release(user, place, owing);
        }
        let call = Call::Release { user, place, owing };
        self.next.push((call, Purpose::Release { user, place, owing }));
    }

    pub(super) fn remember_release(&mut self, user: UserId, place: Place, owing: bool) {
        let key = (user, place);
        if self.unreleased.len() < UNRELEASED_MAX || self.unreleased.contains_key(&key) {
            self.unreleased.insert(key, owing);
        }
    }

    pub(super) fn ask_presence(&mut self, present: Present) {
        if self.bus != Bus::Up || present.users.is_empty() {
            return self.present(present, &[]);
        }
        let call = Call::Holdings(present.users.clone());
        self.next.push((call, Purpose::Presence(present)));
    }

    pub(super) fn present(&mut self, present: Present, found: &[Option<Holding>]) {
        let stranger = |holding: &Holding| !self.roster.has(holding.place.shard.node);
        if present.asked == 0 && found.iter().flatten().any(stranger) {
            self.renew();
            return self.ask_presence(Present { asked: 1, ..present });
        }
        let Present { shard, conn, users, .. } = present;
        let found = found.iter().copied().chain(std::iter::repeat(None));
        let is_online = |(user, found): &(UserId, Option<Holding>)| {
            let elsewhere = found.is_some_and(|holding| {
                holding.state == HoldingState::Online && self.roster.has(holding.place.shard.node)
            });
            elsewhere || self.directory.locate(*user).is_some()
        };
        let online = users.into_iter().zip(found).filter(is_online).map(|(user, _)| user).collect();
        self.notices.push((Audience::Shard(shard), Notice::Present(conn, online)));
    }

    fn tell_located(&mut self, locating: Locating, found: Located) {
        let notice = Notice::Located(locating.lane, found);
        self.notices.push((Audience::Shard(locating.shard), notice));
    }

    fn tell_claimed(&mut self, claiming: Claiming, claim: Claim) {
        let Claiming { place, user, .. } = claiming;
        let notice = Notice::Claimed(place.login, user, claim);
        self.notices.push((Audience::Shard(place.shard.index), notice));
    }
}
