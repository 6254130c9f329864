//! The contract's oracle: plain maps under one lock, nothing on disk. Deterministic, without
//! clock, thread and random source, so that simulations can use it as well.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use chatproto::{GroupId, UserId};
use compact_str::CompactString;
use parking_lot::Mutex;

use super::{
    Arrival, Credentials, Group, Outcome, PageLimit, Person, Profile, Role, Row, RowId, Store,
    StoreError, StoreLimits, TokenHash, Write,
};
use crate::message::Message;

/// A store that lasts as long as the process. Its calls never fail.
pub struct MemoryStore {
    limits: StoreLimits,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    accounts: BTreeMap<UserId, Account>,
    account_names: BTreeMap<String, UserId>,
    groups: BTreeMap<GroupId, StoredGroup>,
    group_names: BTreeMap<String, GroupId>,
    last_row: i64,
    /// Whose each waiting row is.
    recipients: BTreeMap<RowId, UserId>,
}

struct Account {
    name: String,
    password: String,
    token: Option<TokenHash>,
    friends: BTreeSet<UserId>,
    groups: BTreeSet<GroupId>,
    rows: BTreeMap<RowId, Arc<Message>>,
    /// Which row holds (sender, mid).
    known: BTreeMap<(UserId, CompactString), RowId>,
}

struct StoredGroup {
    name: String,
    description: String,
    members: BTreeMap<UserId, Role>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new(limits: StoreLimits) -> Self {
        Self { limits, state: Mutex::default() }
    }
}

impl Store for MemoryStore {
    fn credentials(&self, user: UserId) -> Result<Option<Credentials>, StoreError> {
        let state = self.state.lock();
        Ok(state.accounts.get(&user).map(|account| Credentials {
            name: account.name.clone(),
            password: account.password.clone(),
            token: account.token,
        }))
    }

    fn profile(&self, user: UserId, members_max: usize) -> Result<Profile, StoreError> {
        let state = self.state.lock();
        let Some(account) = state.accounts.get(&user) else { return Ok(Profile::default()) };
        let friends = account.friends.iter().filter_map(|&id| state.person(id)).collect();
        let mut budget = members_max;
        let groups = account.groups.iter().filter_map(|&id| state.group(id, &mut budget)).collect();
        Ok(Profile { friends, groups })
    }

    fn members(&self, group: GroupId) -> Result<Option<Vec<UserId>>, StoreError> {
        let state = self.state.lock();
        Ok(state.groups.get(&group).map(|found| found.members.keys().copied().collect()))
    }

    fn rows(
        &self,
        recipient: UserId,
        after: RowId,
        limit: PageLimit,
    ) -> Result<Vec<Row>, StoreError> {
        let state = self.state.lock();
        let mut page = Vec::new();
        let Some(account) = state.accounts.get(&recipient) else { return Ok(page) };
        for (&id, message) in account.rows.range((Excluded(after), Unbounded)) {
            // The row that reaches the bytes is in, even if they are none at all.
            if limit.rows == 0 || (!page.is_empty() && limit.is_reached_by(&page)) {
                break;
            }
            page.push(Row { id, message: Arc::clone(message) });
        }
        Ok(page)
    }

    fn arrivals(&self, after: RowId, limit: usize) -> Result<Vec<Arrival>, StoreError> {
        let state = self.state.lock();
        let later = state.recipients.range((Excluded(after), Unbounded));
        Ok(later.take(limit).map(|(&row, &recipient)| Arrival { recipient, row }).collect())
    }

    fn newest_row(&self) -> Result<RowId, StoreError> {
        let newest = self.state.lock().recipients.last_key_value().map(|(&row, _)| row);
        Ok(newest.unwrap_or_default())
    }

    fn commit(&self, writes: &[Write]) -> Result<Vec<Outcome>, StoreError> {
        let mut state = self.state.lock();
        Ok(writes.iter().map(|write| state.apply(write, &self.limits)).collect())
    }
}

impl State {
    fn apply(&mut self, write: &Write, limits: &StoreLimits) -> Outcome {
        match write {
            Write::Register { name, password } => self.register(name, password),
            Write::SetPassword { user, password } => self.set_password(*user, password),
            Write::SetToken { user, token } => self.set_token(*user, *token),
            Write::AddFriend { user, friend } => self.add_friend(*user, *friend, limits),
            Write::CreateGroup { creator, name, description } => {
                self.create_group(*creator, name, description, limits)
            }
            Write::JoinGroup { user, group } => self.join_group(*user, *group, limits),
            Write::Deposit { recipient, messages } => self.deposit(*recipient, messages, limits),
            Write::Remove { recipient, rows } => self.remove(*recipient, rows),
            Write::Withdraw { recipient, messages } => self.withdraw(*recipient, messages),
            Write::Barrier | Write::UserBarrier { .. } => Outcome::Done,
        }
    }

    fn register(&mut self, name: &str, password: &str) -> Outcome {
        if self.account_names.contains_key(name) {
            return Outcome::NameTaken;
        }
        let id = UserId(self.accounts.len() as i64 + 1);
        let account = Account {
            name: name.to_owned(),
            password: password.to_owned(),
            token: None,
            friends: BTreeSet::new(),
            groups: BTreeSet::new(),
            rows: BTreeMap::new(),
            known: BTreeMap::new(),
        };
        self.accounts.insert(id, account);
        self.account_names.insert(name.to_owned(), id);
        Outcome::Registered(id)
    }

    fn set_password(&mut self, user: UserId, password: &str) -> Outcome {
        let Some(account) = self.accounts.get_mut(&user) else { return Outcome::NoSuchUser };
        password.clone_into(&mut account.password);
        Outcome::Done
    }

    fn set_token(&mut self, user: UserId, token: Option<TokenHash>) -> Outcome {
        let Some(account) = self.accounts.get_mut(&user) else { return Outcome::NoSuchUser };
        account.token = token;
        Outcome::Done
    }

    fn add_friend(&mut self, user: UserId, friend: UserId, limits: &StoreLimits) -> Outcome {
        let friend_exists = self.accounts.contains_key(&friend);
        let Some(account) = self.accounts.get_mut(&user) else { return Outcome::NoSuchUser };
        if !friend_exists {
            return Outcome::NoSuchUser;
        }
        if !account.friends.contains(&friend) && account.friends.len() >= limits.friends_max {
            return Outcome::LimitReached;
        }
        account.friends.insert(friend);
        Outcome::Done
    }

    fn create_group(
        &mut self,
        creator: UserId,
        name: &str,
        description: &str,
        limits: &StoreLimits,
    ) -> Outcome {
        let Some(account) = self.accounts.get_mut(&creator) else { return Outcome::NoSuchUser };
        if self.group_names.contains_key(name) {
            return Outcome::NameTaken;
        }
        if account.groups.len() >= limits.groups_max || limits.members_max == 0 {
            return Outcome::LimitReached;
        }
        let id = GroupId(self.groups.len() as i64 + 1);
        account.groups.insert(id);
        let group = StoredGroup {
            name: name.to_owned(),
            description: description.to_owned(),
            members: BTreeMap::from([(creator, Role::Creator)]),
        };
        self.groups.insert(id, group);
        self.group_names.insert(name.to_owned(), id);
        Outcome::GroupCreated(id)
    }

    fn join_group(&mut self, user: UserId, group: GroupId, limits: &StoreLimits) -> Outcome {
        let Some(account) = self.accounts.get_mut(&user) else { return Outcome::NoSuchUser };
        let Some(found) = self.groups.get_mut(&group) else { return Outcome::NoSuchGroup };
        if found.members.contains_key(&user) {
            return Outcome::Done;
        }
        if account.groups.len() >= limits.groups_max || found.members.len() >= limits.members_max {
            return Outcome::LimitReached;
        }
        account.groups.insert(group);
        found.members.insert(user, Role::Normal);
        Outcome::Done
    }

    fn deposit(
        &mut self,
        recipient: UserId,
        messages: &[Arc<Message>],
        limits: &StoreLimits,
    ) -> Outcome {
        let Some(account) = self.accounts.get_mut(&recipient) else { return Outcome::NoSuchUser };
        let keys = messages.iter().map(|message| (message.sender, message.mid.clone()));
        let new: BTreeSet<_> = keys.filter(|key| !account.known.contains_key(key)).collect();
        if !new.is_empty() && account.rows.len() + new.len() > limits.rows_max {
            return Outcome::LimitReached;
        }
        let mut rows = Vec::with_capacity(messages.len());
        for message in messages {
            let key = (message.sender, message.mid.clone());
            let row = *account.known.entry(key).or_insert_with(|| {
                self.last_row += 1;
                account.rows.insert(RowId(self.last_row), Arc::clone(message));
                self.recipients.insert(RowId(self.last_row), recipient);
                RowId(self.last_row)
            });
            rows.push(row);
        }
        Outcome::Deposited(rows)
    }

    fn remove(&mut self, recipient: UserId, rows: &[RowId]) -> Outcome {
        if let Some(account) = self.accounts.get_mut(&recipient) {
            for row in rows {
                if let Some(message) = account.rows.remove(row) {
                    account.known.remove(&(message.sender, message.mid.clone()));
                    self.recipients.remove(row);
                }
            }
        }
        Outcome::Done
    }

    fn withdraw(&mut self, recipient: UserId, messages: &[Arc<Message>]) -> Outcome {
        if let Some(account) = self.accounts.get_mut(&recipient) {
            for message in messages {
                let key = (message.sender, message.mid.clone());
                if let Some(row) = account.known.remove(&key) {
                    account.rows.remove(&row);
                    self.recipients.remove(&row);
                }
            }
        }
        Outcome::Done
    }

    fn person(&self, id: UserId) -> Option<Person> {
        self.accounts.get(&id).map(|account| Person { id, name: account.name.clone() })
    }

    /// The group with its members as long as they fit into `budget`; what does not fit ends it.
    fn group(&self, id: GroupId, budget: &mut usize) -> Option<Group> {
        let found = self.groups.get(&id)?;
        let fits = found.members.len() <= *budget;
        *budget = if fits { *budget - found.members.len() } else { 0 };
        let listed = found.members.iter().take(if fits { usize::MAX } else { 0 });
        Some(Group {
            id,
            name: found.name.clone(),
            description: found.description.clone(),
            members: listed.filter_map(|(&user, &role)| Some((self.person(user)?, role))).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::conformance;

    #[test]
    fn conforms() {
        conformance::run(&|limits| Box::new(MemoryStore::new(limits)));
    }
}
