//! Who is in which group, as far as this shard has asked: a cache that joins keep true, so that
//! group chats read the store once and go on when it is away.

use std::collections::HashMap;

use chatproto::{GroupId, UserId};

use super::effect::ConnId;

/// Members held in all, over all groups, at 8 bytes each; a group by itself counts as …
const MEMBERS_MAX: usize = 4_000_000;
/// … so many, for what surrounds its list.
const GROUP_COST: usize = 16;

/// What is known of one group.
#[derive(Debug)]
enum Entry {
    /// The store is being asked; these joined meanwhile, and these sessions wait. `again`: what
    /// it says may be too old.
    Loading { joined: Vec<UserId>, waiting: Vec<ConnId>, again: bool },
    /// By ascending id.
    Loaded(Vec<UserId>),
}

/// What a look-up found.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// By ascending id.
    Members(&'a [UserId]),
    /// The session is told when they are known. `ask`: nobody has asked the store yet.
    Wait {
        /// Whether the store is to be asked now.
        ask: bool,
    },
}

/// What follows from an answer of the store.
#[derive(Debug, PartialEq, Eq)]
pub enum Loaded {
    /// These sessions have waited for it.
    For(Vec<ConnId>),
    /// It may be too old; the sessions wait on.
    AskAgain,
}

/// The cache of one shard.
#[derive(Debug, Default)]
pub struct Groups {
    /// Clients choose the keys, so the hash must be one that they cannot aim at.
    entries: HashMap<GroupId, Entry>,
    /// See [`MEMBERS_MAX`].
    members: usize,
}

impl Groups {
    /// The members of `group`, or the promise that `conn` comes out of [`Self::loaded`] later.
    pub fn look_up(&mut self, group: GroupId, conn: ConnId) -> Lookup<'_> {
        let mut ask = false;
        let entry = self.entries.entry(group).or_insert_with(|| {
            ask = true;
            Entry::Loading { joined: Vec::new(), waiting: Vec::new(), again: false }
        });
        match entry {
            Entry::Loaded(members) => Lookup::Members(members),
            Entry::Loading { waiting, .. } => {
                waiting.push(conn);
                Lookup::Wait { ask }
            }
        }
    }

    /// The store answered: `None` when it could not, or there is no such group.
    pub fn loaded(&mut self, group: GroupId, members: Option<Vec<UserId>>) -> Loaded {
        if let Some(Entry::Loading { again, .. }) = self.entries.get_mut(&group)
            && std::mem::take(again)
        {
            return Loaded::AskAgain;
        }
        let Some(Entry::Loading { joined, waiting, .. }) = self.entries.remove(&group) else {
            return Loaded::For(Vec::new());
        };
        if let Some(mut members) = members {
            members.extend(joined);
            members.sort_unstable();
            members.dedup();
            let cost = members.len() + GROUP_COST;
            if self.members + cost > MEMBERS_MAX {
                // Starting over is simple, and asking again is cheap beside what filled it.
                self.entries.retain(|_, entry| matches!(entry, Entry::Loading { .. }));
                self.members = 0;
            }
            self.members += cost;
            self.entries.insert(group, Entry::Loaded(members));
        }
        Loaded::For(waiting)
    }

    /// What is known may be wrong: the store is to be asked again.
    pub fn forget(&mut self, group: GroupId) {
        if let Some(Entry::Loading { again, .. }) = self.entries.get_mut(&group) {
            *again = true;
        } else if let Some(Entry::Loaded(members)) = self.entries.remove(&group) {
            self.members -= members.len() + GROUP_COST;
        }
    }

    /// `user` is a member from now on.
    pub fn joined(&mut self, group: GroupId, user: UserId) {
        match self.entries.get_mut(&group) {
            Some(Entry::Loading { joined, .. }) => joined.push(user),
            Some(Entry::Loaded(members)) => {
                if let Err(index) = members.binary_search(&user) {
                    members.insert(index, user);
                    self.members += 1;
                }
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: GroupId = GroupId(7);

    #[test]
    fn the_store_is_asked_once_and_all_who_wait_are_told() {
        let mut groups = Groups::default();
        assert_eq!(groups.look_up(GROUP, ConnId(1)), Lookup::Wait { ask: true });
        assert_eq!(groups.look_up(GROUP, ConnId(2)), Lookup::Wait { ask: false });
        let told = Loaded::For(vec![ConnId(1), ConnId(2)]);
        assert_eq!(groups.loaded(GROUP, Some(vec![UserId(3)])), told);
        assert_eq!(groups.look_up(GROUP, ConnId(1)), Lookup::Members(&[UserId(3)]));
    }

    #[test]
    fn a_failed_look_up_is_made_again() {
        let mut groups = Groups::default();
        groups.look_up(GROUP, ConnId(1));
        assert_eq!(groups.loaded(GROUP, None), Loaded::For(vec![ConnId(1)]));
        assert_eq!(groups.look_up(GROUP, ConnId(1)), Lookup::Wait { ask: true });
    }

    #[test]
    fn what_is_in_doubt_is_asked_again() {
        let mut groups = Groups::default();
        groups.look_up(GROUP, ConnId(1));
        groups.forget(GROUP);
        assert_eq!(groups.loaded(GROUP, Some(vec![UserId(1)])), Loaded::AskAgain);
        let told = Loaded::For(vec![ConnId(1)]);
        assert_eq!(groups.loaded(GROUP, Some(vec![UserId(2)])), told);
        assert_eq!(groups.look_up(GROUP, ConnId(1)), Lookup::Members(&[UserId(2)]));
        groups.forget(GROUP);
        assert_eq!(groups.look_up(GROUP, ConnId(1)), Lookup::Wait { ask: true });
    }

    #[test]
    fn joins_are_seen_before_while_and_after_loading() {
        let mut groups = Groups::default();
        groups.joined(GROUP, UserId(1));
        groups.look_up(GROUP, ConnId(1));
        groups.joined(GROUP, UserId(5));
        groups.loaded(GROUP, Some(vec![UserId(1), UserId(9)]));
        groups.joined(GROUP, UserId(4));
        groups.joined(GROUP, UserId(4));
        let members = [1, 4, 5, 9].map(UserId);
        assert_eq!(groups.look_up(GROUP, ConnId(1)), Lookup::Members(&members));
    }
}
