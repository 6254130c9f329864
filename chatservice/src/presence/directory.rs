//! The place of every user who is online on this node. Nothing is written down, so nothing can be
//! wrong after a crash.

use std::hash::BuildHasher;

use chatproto::UserId;
use parking_lot::RwLock;
use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::chat::{Claim, Place};

/// What is known of a user; nothing is known of those who are offline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    /// Since `stamp`, milliseconds since 1970.
    Online { place: Place, stamp: u64 },
    /// Offline, but what it wanted sent or written from there is not done.
    Owing(Place),
}

/// Any thread. Locks are held for one map operation.
pub struct Directory {
    parts: Vec<RwLock<FxHashMap<UserId, Presence>>>,
}

impl Default for Directory {
    fn default() -> Self {
        Self { parts: (0..Self::PARTS).map(|_| RwLock::default()).collect() }
    }
}

impl Directory {
    /// Parts with a lock each, so that loops that look up different users do not wait for each
    /// other.
    pub const PARTS: usize = 64;

    /// Makes `user` online at `place` if it is online nowhere, or in any case with `force`. Of
    /// two who ask at once exactly one is first.
    pub fn claim(&self, user: UserId, place: Place, stamp: u64, force: bool) -> Claim {
        let mut part = self.part(user).write();
        let before = match part.get(&user) {
            Some(Presence::Online { .. }) if !force => return Claim::Taken,
            Some(Presence::Online { place, .. } | Presence::Owing(place)) => Some(*place),
            None => None,
        };
        part.insert(user, Presence::Online { place, stamp });
        Claim::Granted(before)
    }

    /// `user` is no longer online at `place`, and `owing` if not all is done that it wanted there;
    /// nothing happens when it is elsewhere by now.
    pub fn release(&self, user: UserId, place: Place, owing: bool) {
        let mut part = self.part(user).write();
        if matches!(part.get(&user), Some(Presence::Online { place: at, .. }) if *at == place) {
            if owing {
                part.insert(user, Presence::Owing(place));
            } else {
                part.remove(&user);
            }
        }
    }

    /// What `user` wanted done at `place`, where it is no longer, is done.
    pub fn settled(&self, user: UserId, place: Place) {
        let mut part = self.part(user).write();
        if part.get(&user) == Some(&Presence::Owing(place)) {
            part.remove(&user);
        }
    }

    /// Where `user` is online.
    pub fn locate(&self, user: UserId) -> Option<Place> {
        self.claimed(user).map(|(place, _)| place)
    }

    /// Where `user` is online, and since when.
    pub fn claimed(&self, user: UserId) -> Option<(Place, u64)> {
        match self.part(user).read().get(&user) {
            Some(Presence::Online { place, stamp }) => Some((*place, *stamp)),
            Some(Presence::Owing(_)) | None => None,
        }
    }

    /// Those of `users` who are online, in the same order.
    pub fn online(&self, mut users: Vec<UserId>) -> Vec<UserId> {
        users.retain(|user| self.locate(*user).is_some());
        users
    }

    /// Everybody who is online in one of the [`Self::PARTS`].
    pub fn users_of(&self, part: usize) -> Vec<UserId> {
        let part = self.parts[part % Self::PARTS].read();
        let online = part.iter().filter(|(_, it)| matches!(it, Presence::Online { .. }));
        online.map(|(user, _)| *user).collect()
    }

    fn part(&self, user: UserId) -> &RwLock<FxHashMap<UserId, Presence>> {
        // The high bits, since the maps inside use the low ones.
        let hash = FxBuildHasher.hash_one(user);
        &self.parts[(hash >> 32) as usize % Self::PARTS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{ConnId, LoginId, NodeId, ShardId};

    const ANN: UserId = UserId(1);

    const fn at(shard: u16) -> Place {
        let login = LoginId { conn: ConnId(1), number: 1 };
        Place { shard: ShardId { node: NodeId::ALONE, index: shard }, login }
    }

    const HERE: Place = at(0);
    const THERE: Place = at(1);

    #[test]
    fn the_first_claim_wins_unless_the_second_insists() {
        let directory = Directory::default();
        assert_eq!(directory.claim(ANN, HERE, 0, false), Claim::Granted(None));
        assert_eq!(directory.claim(ANN, THERE, 0, false), Claim::Taken);
        assert_eq!(directory.claim(ANN, THERE, 0, true), Claim::Granted(Some(HERE)));
        assert_eq!(directory.locate(ANN), Some(THERE));
    }

    #[test]
    fn a_late_release_does_not_disturb_the_new_place() {
        let directory = Directory::default();
        directory.claim(ANN, HERE, 0, false);
        directory.claim(ANN, THERE, 0, true);
        directory.release(ANN, HERE, false);
        assert_eq!(directory.locate(ANN), Some(THERE));
        directory.release(ANN, THERE, false);
        assert_eq!(directory.locate(ANN), None);
    }

    #[test]
    fn who_left_owing_is_offline_and_named_to_the_next_session() {
        let directory = Directory::default();
        directory.claim(ANN, HERE, 0, false);
        directory.release(ANN, HERE, true);
        assert_eq!(directory.locate(ANN), None);
        assert_eq!(directory.claim(ANN, THERE, 0, false), Claim::Granted(Some(HERE)));
        directory.settled(ANN, HERE);
        directory.release(ANN, THERE, true);
        directory.settled(ANN, THERE);
        assert_eq!(directory.claim(ANN, HERE, 0, false), Claim::Granted(None));
    }

    #[test]
    fn online_keeps_the_order_of_the_question() {
        let directory = Directory::default();
        for user in [1, 3, 5].map(UserId) {
            directory.claim(user, HERE, 0, false);
        }
        let online = directory.online((0..7).map(UserId).collect());
        assert_eq!(online, [1, 3, 5].map(UserId));
    }

    #[test]
    fn of_many_threads_that_claim_at_once_one_wins() {
        let directory = Directory::default();
        let wins: usize = std::thread::scope(|scope| {
            let claims: Vec<_> = (0..8)
                .map(|n| {
                    let place = at(n);
                    let directory = &directory;
                    scope.spawn(move || {
                        directory.claim(ANN, place, 0, false) == Claim::Granted(None)
                    })
                })
                .collect();
            claims.into_iter().map(|claim| usize::from(claim.join().expect("no panic"))).sum()
        });
        assert_eq!(wins, 1);
    }
}
