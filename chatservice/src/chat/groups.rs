//! Who is in which group, as far as this shard has asked: a cache that joins keep true, so that
//! group chats read the store once and go on when it is away. While joins may be missed nothing is
//! kept: each chat is sent to those of whom the store was asked after it had come.

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
    /// The store is being asked.
    Loading(Loading),
    /// By ascending id.
    Loaded(Vec<UserId>),
}

/// A question to the store.
#[derive(Debug, Default)]
struct Loading {
    /// These joined meanwhile.
    joined: Vec<UserId>,
    /// These sessions wait for it, …
    waiting: Vec<ConnId>,
    /// … and these for the next one, since it may be too old for them.
    late: Vec<ConnId>,
    /// What the store says may be too old for all.
    again: bool,
}

/// Whether joins can be relied on to be heard of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Joins {
    #[default]
    Heard,
    Missed,
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
    /// These sessions have waited for it; [`Groups::served`] is to be called then.
    For {
        /// Those whom it answers.
        waiting: Vec<ConnId>,
        /// Those for whom it came too early.
        late: Vec<ConnId>,
    },
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
    joins: Joins,
}

impl Groups {
    /// Whether what is known may be kept from now on, since all joins are heard of.
    pub fn keep(&mut self, hears_all: bool) {
        self.joins = if hears_all { Joins::Heard } else { Joins::Missed };
        self.entries.retain(|_, entry| matches!(entry, Entry::Loading(_)));
        self.members = 0;
        for entry in self.entries.values_mut() {
            if let Entry::Loading(loading) = entry {
                loading.again = true;
            }
        }
    }

    /// The members of `group`, or the promise that `conn` comes out of [`Self::loaded`] later.
    pub fn look_up(&mut self, group: GroupId, conn: ConnId) -> Lookup<'_> {
        let mut ask = false;
        let entry = self.entries.entry(group).or_insert_with(|| {
            ask = true;
            Entry::Loading(Loading::default())
        });
        match entry {
            Entry::Loaded(members) => Lookup::Members(members),
            Entry::Loading(loading) => {
                let late = !ask && self.joins == Joins::Missed;
                let list = if late { &mut loading.late } else { &mut loading.waiting };
                list.push(conn);
                Lookup::Wait { ask }
            }
        }
    }

    /// The store answered: `None` when it could not, or there is no such group.
    pub fn loaded(&mut self, group: GroupId, members: Option<Vec<UserId>>) -> Loaded {
        let Some(Entry::Loading(loading)) = self.entries.get_mut(&group) else {
            return Loaded::For { waiting: Vec::new(), late: Vec::new() };
        };
        if std::mem::take(&mut loading.again) {
            loading.waiting.append(&mut loading.late);
            return Loaded::AskAgain;
        }
        let Loading { joined, waiting, late, .. } = std::mem::take(loading);
        self.entries.remove(&group);
        if let Some(mut members) = members {
            members.extend(joined);
            members.sort_unstable();
            members.dedup();
            let cost = members.len() + GROUP_COST;
            if self.members + cost > MEMBERS_MAX {
                // Starting over is simple, and asking again is cheap beside what filled it.
                self.entries.retain(|_, entry| matches!(entry, Entry::Loading(_)));
                self.members = 0;
            }
            self.members += cost;
            self.entries.insert(group, Entry::Loaded(members));
        }
        Loaded::For { waiting, late }
    }

    /// Those who waited have been served. Whether the store is to be asked again, for those who
    /// came late.
    pub fn served(&mut self, group: GroupId, late: Vec<ConnId>) -> bool {
        if self.joins == Joins::Heard {
            return false;
        }
        self.forget(group);
        let ask = !late.is_empty();
        if ask {
            let loading = Loading { waiting: late, ..Loading::default() };
            self.entries.insert(group, Entry::Loading(loading));
        }
        ask
    }

    /// What is known may be wrong: the store is to be asked again.
    pub fn forget(&mut self, group: GroupId) {
        if let Some(Entry::Loading(loading)) = self.entries.get_mut(&group) {
            loading.again = true;
        } else if let Some(Entry::Loaded(members)) = self.entries.remove(&group) {
            self.members -= members.len() + GROUP_COST;
        }
    }

    /// `user` is a member from now on.
    pub fn joined(&mut self, group: GroupId, user: UserId) {
        match self.entries.get_mut(&group) {
            Some(Entry::Loading(loading)) => loading.joined.push(user),
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

    fn told(waiting: &[u64]) -> Loaded {
        let waiting = waiting.iter().copied().map(ConnId).collect();
        Loaded::For { waiting, late: Vec::new() }
    }

    #[test]
    fn the_store_is_asked_once_and_all_who_wait_are_told() {
        let mut groups = Groups::default();
        assert_eq!(groups.look_up(GROUP, ConnId(1)), Lookup::Wait { ask: true });
        assert_eq!(groups.look_up(GROUP, ConnId(2)), Lookup::Wait { ask: false });
        let told = told(&[1, 2]);
        assert_eq!(groups.loaded(GROUP, Some(vec![UserId(3)])), told);
        assert_eq!(groups.look_up(GROUP, ConnId(1)), Lookup::Members(&[UserId(3)]));
    }

    #[test]
    fn a_failed_look_up_is_made_again() {
        let mut groups = Groups::default();
        groups.look_up(GROUP, ConnId(1));
        assert_eq!(groups.loaded(GROUP, None), told(&[1]));
        assert_eq!(groups.look_up(GROUP, ConnId(1)), Lookup::Wait { ask: true });
    }

    #[test]
    fn what_is_in_doubt_is_asked_again() {
        let mut groups = Groups::default();
        groups.look_up(GROUP, ConnId(1));
        groups.forget(GROUP);
        assert_eq!(groups.loaded(GROUP, Some(vec![UserId(1)])), Loaded::AskAgain);
        assert_eq!(groups.loaded(GROUP, Some(vec![UserId(2)])), told(&[1]));
        assert_eq!(groups.look_up(GROUP, ConnId(1)), Lookup::Members(&[UserId(2)]));
        groups.forget(GROUP);
        assert_eq!(groups.look_up(GROUP, ConnId(1)), Lookup::Wait { ask: true });
    }

    #[test]
    fn while_joins_may_be_missed_each_chat_is_sent_by_a_later_answer() {
        let mut groups = Groups::default();
        groups.look_up(GROUP, ConnId(1));
        groups.loaded(GROUP, Some(vec![UserId(1)]));
        groups.keep(false);
        assert_eq!(groups.look_up(GROUP, ConnId(1)), Lookup::Wait { ask: true });
        assert_eq!(groups.look_up(GROUP, ConnId(2)), Lookup::Wait { ask: false });
        let late = vec![ConnId(2)];
        let first = groups.loaded(GROUP, Some(vec![UserId(1)]));
        assert_eq!(first, Loaded::For { waiting: vec![ConnId(1)], late: late.clone() });
        assert_eq!(groups.look_up(GROUP, ConnId(1)), Lookup::Members(&[UserId(1)]));
        assert!(groups.served(GROUP, late), "somebody came late");
        assert_eq!(groups.loaded(GROUP, Some(vec![UserId(1), UserId(3)])), told(&[2]));
        assert!(!groups.served(GROUP, Vec::new()));
        groups.keep(true);
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
