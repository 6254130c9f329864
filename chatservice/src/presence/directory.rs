//! The place of every user who is online on this node. What is not here is offline: nothing is
//! written down, so nothing can be wrong after a crash.

use std::hash::BuildHasher;

use chatproto::UserId;
use parking_lot::RwLock;
use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::chat::{Claim, Place};

/// Parts with a lock each, so that loops that look up different users do not wait for each other.
const PARTS: usize = 64;

/// Any thread. Locks are held for one map operation.
pub struct Directory {
    parts: Vec<RwLock<FxHashMap<UserId, Place>>>,
}

impl Default for Directory {
    fn default() -> Self {
        Self { parts: (0..PARTS).map(|_| RwLock::default()).collect() }
    }
}

impl Directory {
    /// Makes `user` online at `place` if it is online nowhere, or in any case with `force`. Of
    /// two who ask at once exactly one is first.
    pub fn claim(&self, user: UserId, place: Place, force: bool) -> Claim {
        let mut part = self.part(user).write();
        match part.get(&user) {
            Some(_) if !force => Claim::Taken,
            _ => Claim::Granted(part.insert(user, place)),
        }
    }

    /// `user` is no longer online at `place`; nothing happens when it is elsewhere by now.
    pub fn release(&self, user: UserId, place: Place) {
        let mut part = self.part(user).write();
        if part.get(&user) == Some(&place) {
            part.remove(&user);
        }
    }

    /// Where `user` is online.
    pub fn locate(&self, user: UserId) -> Option<Place> {
        self.part(user).read().get(&user).copied()
    }

    /// Those of `users` who are online, in the same order.
    pub fn online(&self, users: Vec<UserId>) -> Vec<UserId> {
        users.into_iter().filter(|user| self.part(*user).read().contains_key(user)).collect()
    }

    fn part(&self, user: UserId) -> &RwLock<FxHashMap<UserId, Place>> {
        // The high bits, since the maps inside use the low ones.
        let hash = FxBuildHasher.hash_one(user);
        &self.parts[(hash >> 32) as usize % PARTS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{ConnId, ShardId};

    const ANN: UserId = UserId(1);
    const HERE: Place = Place { shard: ShardId(0), conn: ConnId(1) };
    const THERE: Place = Place { shard: ShardId(1), conn: ConnId(1) };

    #[test]
    fn the_first_claim_wins_unless_the_second_insists() {
        let directory = Directory::default();
        assert_eq!(directory.claim(ANN, HERE, false), Claim::Granted(None));
        assert_eq!(directory.claim(ANN, THERE, false), Claim::Taken);
        assert_eq!(directory.claim(ANN, THERE, true), Claim::Granted(Some(HERE)));
        assert_eq!(directory.locate(ANN), Some(THERE));
    }

    #[test]
    fn a_late_release_does_not_disturb_the_new_place() {
        let directory = Directory::default();
        directory.claim(ANN, HERE, false);
        directory.claim(ANN, THERE, true);
        directory.release(ANN, HERE);
        assert_eq!(directory.locate(ANN), Some(THERE));
        directory.release(ANN, THERE);
        assert_eq!(directory.locate(ANN), None);
    }

    #[test]
    fn online_keeps_the_order_of_the_question() {
        let directory = Directory::default();
        for user in [1, 3, 5].map(UserId) {
            directory.claim(user, HERE, false);
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
                    let place = Place { shard: ShardId(n), conn: ConnId(0) };
                    scope.spawn(|| directory.claim(ANN, place, false) == Claim::Granted(None))
                })
                .collect();
            claims.into_iter().map(|claim| usize::from(claim.join().expect("no panic"))).sum()
        });
        assert_eq!(wins, 1);
    }
}
