//! Carries out batches of writes, each in one transaction.
//!
//! Why row ids of one recipient ascend in the order of commits, on however many connections and
//! nodes: a batch first locks the `User` rows of everybody it speaks of, and keeps them to its
//! commit. So of two batches for one recipient, the second one inserts only after the first one has
//! committed, and InnoDB's counter gives out no id below one that it gave out before, whoever asks
//! and whatever `innodb_autoinc_lock_mode` says. Ids of different recipients may interleave, and
//! ids of a batch that was rolled back, or of repeats, are missing; neither is promised. It needs one
//! server that takes writes: in a cluster of several, each counts for itself. Where no other node
//! writes, accounts that are counted already need not be locked.
//!
//! `User` rows are locked in ascending order of their ids, so that batches wait for each other in no
//! circle; where other rows make one after all, the server ends it and the batch is done again.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chatproto::{GroupId, UserId};
use mysql::prelude::Queryable as _;
use mysql::{Params, Value};

use super::failure::Failure;
use super::lease::Sharing;
use super::queues::{self, Terms};
use super::reads::column;
use super::row_counts::RowCounts;
use super::statement::Statement;
use super::timed::TimedConn;
use crate::storage::{Outcome, StoreLimits, TokenHash, Write};

/// By the primary key: another index would lock in another order.
const LOCK_USERS: Statement = Statement {
    head: "SELECT id FROM User FORCE INDEX (PRIMARY) WHERE id IN (",
    one: "?",
    between: ",",
    tail: ") ORDER BY id FOR UPDATE",
};
const SET_TOKENS: Statement = Statement {
    head: "INSERT INTO ResumeToken (userid, hash) VALUES ",
    one: "(?,?)",
    between: ",",
    tail: " ON DUPLICATE KEY UPDATE hash = VALUES(hash)",
};
const END_TOKENS: Statement = Statement {
    head: "DELETE FROM ResumeToken WHERE userid IN (",
    one: "?",
    between: ",",
    tail: ")",
};

/// A transaction under way.
pub(super) struct Batch<'a> {
    conn: &'a mut TimedConn,
    limits: StoreLimits,
    terms: Terms,
    counts: &'a mut RowCounts,
    /// The accounts that it speaks of and that exist; their rows are locked, unless nobody else
    /// writes.
    users: HashSet<UserId>,
    /// The last word on each account's token.
    tokens: BTreeMap<UserId, Option<TokenHash>>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(
        conn: &'a mut TimedConn,
        (limits, terms): (StoreLimits, Terms),
        counts: &'a mut RowCounts,
    ) -> Self {
        Self { conn, limits, terms, counts, users: HashSet::new(), tokens: BTreeMap::new() }
    }

    /// Carries out everything but the commit.
    pub(super) fn carry_out(mut self, writes: &[Write]) -> Result<Vec<Outcome>, Failure> {
        self.lock_users(writes)?;
        let mut outcomes = vec![Outcome::Done; writes.len()];
        // Deposits and removals wait to be carried out together. Nothing else in a batch is
        // touched by them or touches them, but for an account that it makes.
        let mut pending: Vec<usize> = Vec::new();
        for (at, write) in writes.iter().enumerate() {
            match write {
                Write::Deposit { .. } | Write::Remove { .. } | Write::Withdraw { .. } => {
                    pending.push(at);
                }
                Write::Register { name, password } => {
                    self.carry_out_queues(writes, &mut pending, &mut outcomes)?;
                    outcomes[at] = self.register(name, password)?;
                }
                other => outcomes[at] = self.apply(other)?,
            }
        }
        self.carry_out_queues(writes, &mut pending, &mut outcomes)?;
        self.store_tokens()?;
        Ok(outcomes)
    }

    fn carry_out_queues(
        &mut self,
        writes: &[Write],
        pending: &mut Vec<usize>,
        outcomes: &mut [Outcome],
    ) -> Result<(), Failure> {
        let run: Vec<&Write> = pending.iter().map(|&at| &writes[at]).collect();
        let done = queues::carry_out(self.conn, &run, &self.users, self.counts, self.terms)?;
        for (at, outcome) in pending.drain(..).zip(done) {
            outcomes[at] = outcome;
        }
        Ok(())
    }

    /// A write that has nothing to do with queues, and makes no account.
    fn apply(&mut self, write: &Write) -> Result<Outcome, Failure> {
        match write {
            Write::SetPassword { user, password } => self.set_password(*user, password),
            Write::SetToken { user, token } => Ok(self.set_token(*user, *token)),
            Write::AddFriend { user, friend } => self.add_friend(*user, *friend),
            Write::CreateGroup { creator, name, description } => {
                self.create_group(*creator, name, description)
            }
            Write::JoinGroup { user, group } => self.join_group(*user, *group),
            _ => Ok(Outcome::Done),
        }
    }

    fn lock_users(&mut self, writes: &[Write]) -> Result<(), Failure> {
        let users: BTreeSet<UserId> = writes.iter().flat_map(users_of).collect();
        // Where nobody is to be locked out: accounts do not go, so that one that was counted exists.
        let alone = self.terms.sharing == Sharing::Exclusive;
        let (known, users): (Vec<UserId>, Vec<UserId>) =
            users.into_iter().partition(|user| alone && self.counts.get(*user).is_some());
        self.users.extend(known);
        for mut row in LOCK_USERS.ask(self.conn, &users, |user, to| to.push(Value::Int(user.0)))? {
            self.users.insert(UserId(column(&mut row, 0)?));
        }
        Ok(())
    }

    fn register(&mut self, name: &str, password: &str) -> Result<Outcome, Failure> {
        let name = name.as_bytes();
        if self.exists("SELECT 1 FROM User WHERE name = ?", (name,))? {
            return Ok(Outcome::NameTaken);
        }
        let insert = "INSERT INTO User (name, password) VALUES (?, ?)";
        let user = UserId(self.insert(insert, (name, password))?);
        self.users.insert(user);
        Ok(Outcome::Registered(user))
    }

    fn set_password(&mut self, user: UserId, password: &str) -> Result<Outcome, Failure> {
        if !self.users.contains(&user) {
            return Ok(Outcome::NoSuchUser);
        }
        self.conn.exec_drop("UPDATE User SET password = ? WHERE id = ?", (password, user.0))?;
        Ok(Outcome::Done)
    }

    fn set_token(&mut self, user: UserId, token: Option<TokenHash>) -> Outcome {
        if !self.users.contains(&user) {
            return Outcome::NoSuchUser;
        }
        self.tokens.insert(user, token);
        Outcome::Done
    }

    fn store_tokens(&mut self) -> Result<(), Failure> {
        let (mut set, mut ended) = (Vec::new(), Vec::new());
        for (&user, token) in &self.tokens {
            match token {
                Some(hash) => set.push((user, *hash)),
                None => ended.push(user),
            }
        }
        END_TOKENS.tell(self.conn, &ended, |user, params| params.push(Value::Int(user.0)))?;
        SET_TOKENS.tell(self.conn, &set, |(user, hash), params| {
            params.push(Value::Int(user.0));
            params.push(Value::Bytes(hash.to_vec()));
        })?;
        Ok(())
    }

    fn add_friend(&mut self, user: UserId, friend: UserId) -> Result<Outcome, Failure> {
        if !self.users.contains(&user) || !self.users.contains(&friend) {
            return Ok(Outcome::NoSuchUser);
        }
        let listed = "SELECT 1 FROM Friend WHERE userid = ? AND friendid = ?";
        if self.exists(listed, (user.0, friend.0))? {
            return Ok(Outcome::Done);
        }
        let friends = self.count("SELECT COUNT(*) FROM Friend WHERE userid = ?", user.0)?;
        if friends >= self.limits.friends_max {
            return Ok(Outcome::LimitReached);
        }
        let insert = "INSERT INTO Friend (userid, friendid) VALUES (?, ?)";
        self.conn.exec_drop(insert, (user.0, friend.0))?;
        Ok(Outcome::Done)
    }

    fn create_group(
        &mut self,
        creator: UserId,
        name: &str,
        description: &str,
    ) -> Result<Outcome, Failure> {
        if !self.users.contains(&creator) {
            return Ok(Outcome::NoSuchUser);
        }
        let name = name.as_bytes();
        if self.exists("SELECT 1 FROM AllGroup WHERE groupname = ?", (name,))? {
            return Ok(Outcome::NameTaken);
        }
        if self.groups_of(creator)? >= self.limits.groups_max || self.limits.members_max == 0 {
            return Ok(Outcome::LimitReached);
        }
        let insert = "INSERT INTO AllGroup (groupname, groupdesc) VALUES (?, ?)";
        let group = GroupId(self.insert(insert, (name, description))?);
        self.add_member(group, creator, "creator")?;
        Ok(Outcome::GroupCreated(group))
    }

    fn join_group(&mut self, user: UserId, group: GroupId) -> Result<Outcome, Failure> {
        if !self.users.contains(&user) {
            return Ok(Outcome::NoSuchUser);
        }
        // Locked, so that members of other nodes are counted as well.
        if !self.exists("SELECT 1 FROM AllGroup WHERE id = ? FOR UPDATE", (group.0,))? {
            return Ok(Outcome::NoSuchGroup);
        }
        let member = "SELECT 1 FROM GroupUser WHERE groupid = ? AND userid = ?";
        if self.exists(member, (group.0, user.0))? {
            return Ok(Outcome::Done);
        }
        let members = self.count("SELECT COUNT(*) FROM GroupUser WHERE groupid = ?", group.0)?;
        if self.groups_of(user)? >= self.limits.groups_max || members >= self.limits.members_max {
            return Ok(Outcome::LimitReached);
        }
        self.add_member(group, user, "normal")?;
        Ok(Outcome::Done)
    }

    fn groups_of(&mut self, user: UserId) -> Result<usize, Failure> {
        self.count("SELECT COUNT(*) FROM GroupUser WHERE userid = ?", user.0)
    }

    fn add_member(&mut self, group: GroupId, user: UserId, role: &str) -> Result<(), Failure> {
        let insert = "INSERT INTO GroupUser (groupid, userid, grouprole) VALUES (?, ?, ?)";
        Ok(self.conn.exec_drop(insert, (group.0, user.0, role))?)
    }

    fn exists(&mut self, sql: &str, params: impl Into<Params>) -> Result<bool, Failure> {
        Ok(self.conn.exec_first::<i64, _, _>(sql, params)?.is_some())
    }

    fn count(&mut self, sql: &str, id: i64) -> Result<usize, Failure> {
        let count = self.conn.exec_first::<u64, _, _>(sql, (id,))?.unwrap_or_default();
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    fn insert(&mut self, sql: &str, params: impl Into<Params>) -> Result<i64, Failure> {
        self.conn.exec_drop(sql, params)?;
        let too_large = |_| Failure::Refused("the ids are used up".to_owned());
        i64::try_from(self.conn.last_insert_id()).map_err(too_large)
    }
}

fn users_of(write: &Write) -> impl Iterator<Item = UserId> + use<> {
    let (one, other) = match write {
        Write::SetPassword { user, .. }
        | Write::SetToken { user, .. }
        | Write::JoinGroup { user, .. } => (Some(*user), None),
        Write::AddFriend { user, friend } => (Some(*user), Some(*friend)),
        Write::CreateGroup { creator, .. } => (Some(*creator), None),
        Write::Deposit { recipient, .. }
        | Write::Remove { recipient, .. }
        | Write::Withdraw { recipient, .. } => (Some(*recipient), None),
        Write::Register { .. } | Write::Barrier | Write::UserBarrier { .. } => (None, None),
    };
    one.into_iter().chain(other)
}
