//! The place of every user who is online on this node. Nothing is written down, so nothing can be
//! wrong after a crash.

use std::hash::BuildHasher;

use chatproto::UserId;
use parking_lot::RwLock;
use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::chat::{Claim, LoginId, NodeId, Place, ShardId};

/// What is known of a user; nothing is known of those who are offline. There is one for each user
/// who is online, and up to twice as much room, so it is a [`Place`] without the node.
#[derive(Clone, Copy, Debug)]
struct Presence {
    login: LoginId,
    /// Milliseconds since 1970.
    since: u64,
    shard: u16,
    standing: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Online,
    /// Offline, but what it wanted sent or written from there is not done.
    Owing,
}

/// Any thread. Locks are held for one map operation.
pub struct Directory {
    node: NodeId,
    parts: Vec<RwLock<FxHashMap<UserId, Presence>>>,
}

impl Directory {
    /// Parts with a lock each, so that loops that look up different users do not wait for each
    /// other.
    pub const PARTS: usize = 64;

    /// The directory of `node`, whose places it takes and gives.
    pub fn new(node: NodeId) -> Self {
        Self { node, parts: (0..Self::PARTS).map(|_| RwLock::default()).collect() }
    }

    /// Makes `user` online at `place` if it is online nowhere, or in any case with `force`. Of
    /// two who ask at once exactly one is first.
    pub fn claim(&self, user: UserId, place: Place, stamp: u64, force: bool) -> Claim {
        debug_assert_eq!(place.shard.node, self.node, "each node has a directory of its own");
        let mut part = self.part(user).write();
        let before = part.get(&user);
        if before.is_some_and(|it| it.standing == Standing::Online) && !force {
            return Claim::Taken;
        }
        let before = before.map(|it| self.place(it));
        let Place { shard, login } = place;
        let standing = Standing::Online;
        part.insert(user, Presence { login, since: stamp, shard: shard.index, standing });
        Claim::Granted(before)
    }

    /// `user` is no longer online at `place`, and `owing` if not all is done that it wanted there;
    /// nothing happens when it is elsewhere by now.
    pub fn release(&self, user: UserId, place: Place, owing: bool) {
        let mut part = self.part(user).write();
        let Some(it) = part.get_mut(&user) else { return };
        if it.standing == Standing::Online && self.place(it) == place {
            if owing {
                it.standing = Standing::Owing;
            } else {
                part.remove(&user);
            }
        }
    }

    /// What `user` wanted done at `place`, where it is no longer, is done.
    pub fn settled(&self, user: UserId, place: Place) {
        let mut part = self.part(user).write();
        let owes = |it: &Presence| it.standing == Standing::Owing && self.place(it) == place;
        if part.get(&user).is_some_and(owes) {
            part.remove(&user);
        }
    }

    /// Where `user` is online.
    pub fn locate(&self, user: UserId) -> Option<Place> {
        self.claimed(user).map(|(place, _)| place)
    }

    /// Where `user` is online, and since when.
    pub fn claimed(&self, user: UserId) -> Option<(Place, u64)> {
        let part = self.part(user).read();
        let it = part.get(&user).filter(|it| it.standing == Standing::Online)?;
        Some((self.place(it), it.since))
    }

    /// Those of `users` who are online, in the same order.
    pub fn online(&self, mut users: Vec<UserId>) -> Vec<UserId> {
        users.retain(|user| self.locate(*user).is_some());
        users
    }

    /// Everybody who is online in one of the [`Self::PARTS`].
    pub fn users_of(&self, part: usize) -> Vec<UserId> {
        let part = self.parts[part % Self::PARTS].read();
        let online = part.iter().filter(|(_, it)| it.standing == Standing::Online);
        online.map(|(user, _)| *user).collect()
    }

    fn place(&self, presence: &Presence) -> Place {
        let shard = ShardId { node: self.node, index: presence.shard };
        Place { shard, login: presence.login }
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
    use crate::chat::ConnId;

    const ANN: UserId = UserId(1);

    const fn at(shard: u16) -> Place {
        let login = LoginId { conn: ConnId(1), number: 1 };
        Place { shard: ShardId { node: NodeId::ALONE, index: shard }, login }
    }

    const HERE: Place = at(0);
    const THERE: Place = at(1);

    #[test]
    fn the_first_claim_wins_unless_the_second_insists() {
        let directory = Directory::new(NodeId::ALONE);
        assert_eq!(directory.claim(ANN, HERE, 0, false), Claim::Granted(None));
        assert_eq!(directory.claim(ANN, THERE, 0, false), Claim::Taken);
        assert_eq!(directory.claim(ANN, THERE, 0, true), Claim::Granted(Some(HERE)));
        assert_eq!(directory.locate(ANN), Some(THERE));
    }

    #[test]
    fn a_late_release_does_not_disturb_the_new_place() {
        let directory = Directory::new(NodeId::ALONE);
        directory.claim(ANN, HERE, 0, false);
        directory.claim(ANN, THERE, 0, true);
        directory.release(ANN, HERE, false);
        assert_eq!(directory.locate(ANN), Some(THERE));
        directory.release(ANN, THERE, false);
        assert_eq!(directory.locate(ANN), None);
    }

    #[test]
    fn who_left_owing_is_offline_and_named_to_the_next_session() {
        let directory = Directory::new(NodeId::ALONE);
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
        let directory = Directory::new(NodeId::ALONE);
        for user in [1, 3, 5].map(UserId) {
            directory.claim(user, HERE, 0, false);
        }
        let online = directory.online((0..7).map(UserId).collect());
        assert_eq!(online, [1, 3, 5].map(UserId));
    }

    #[test]
    fn of_many_threads_that_claim_at_once_one_wins() {
        let directory = Directory::new(NodeId::ALONE);
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
