//! Carries out batches of writes. Each write is checked before it changes anything, so that a
//! refused one leaves no trace in the transaction that it shares with its neighbours.

use std::mem;

use chatproto::{GroupId, UserId};
use rusqlite::{Connection, Error, Params, Transaction, TransactionBehavior, params};

use super::deposits::Inserts;
use super::row_counts::RowCounts;
use crate::storage::{Outcome, StoreLimits, TokenHash, Write};

/// The one connection that writes.
pub(super) struct Writer {
    pub(super) connection: Connection,
    limits: StoreLimits,
    counts: RowCounts,
}

impl Writer {
    pub(super) fn new(connection: Connection, limits: StoreLimits) -> Self {
        Self { connection, limits, counts: RowCounts::default() }
    }

    /// All of `writes` in one transaction; an error rolls back all of them.
    pub(super) fn commit(&mut self, writes: &[Write]) -> rusqlite::Result<Vec<Outcome>> {
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        // They come back with success only: after an error or a panic they are counted anew.
        let counts = mem::take(&mut self.counts);
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let inserts = Inserts::default();
        let mut batch = Batch { transaction, limits: self.limits, counts, inserts };
        let mut outcomes = Vec::with_capacity(writes.len());
        for write in writes {
            let outcome = batch.apply(write, &mut outcomes)?;
            outcomes.push(outcome);
        }
        batch.insert_gathered(&mut outcomes)?;
        batch.transaction.commit()?;
        self.counts = batch.counts;
        Ok(outcomes)
    }
}

/// A transaction under way.
pub(super) struct Batch<'a> {
    pub(super) transaction: Transaction<'a>,
    pub(super) limits: StoreLimits,
    pub(super) counts: RowCounts,
    /// Of deposits that were accepted.
    pub(super) inserts: Inserts,
}

impl Batch<'_> {
    /// Carries out the write behind those of `outcomes`; rows of deposits are filled in later.
    fn apply(&mut self, write: &Write, outcomes: &mut [Outcome]) -> rusqlite::Result<Outcome> {
        if let Write::Deposit { recipient, messages } = write {
            return self.deposit(*recipient, messages, outcomes);
        }
        self.insert_gathered(outcomes)?;
        match write {
            Write::Register { name, password } => self.register(name, password),
            Write::SetPassword { user, password } => self.set_password(*user, password),
            Write::SetToken { user, token } => self.set_token(*user, token.as_ref()),
            Write::AddFriend { user, friend } => self.add_friend(*user, *friend),
            Write::CreateGroup { creator, name, description } => {
                self.create_group(*creator, name, description)
            }
            Write::JoinGroup { user, group } => self.join_group(*user, *group),
            Write::Remove { recipient, rows } => self.remove(*recipient, rows),
            Write::Withdraw { recipient, messages } => self.withdraw(*recipient, messages),
            Write::Deposit { .. } | Write::Barrier | Write::UserBarrier { .. } => Ok(Outcome::Done),
        }
    }

    fn register(&self, name: &str, password: &str) -> rusqlite::Result<Outcome> {
        if self.exists("SELECT 1 FROM User WHERE name = ?1", [name])? {
            return Ok(Outcome::NameTaken);
        }
        let id = self.insert("INSERT INTO User (name, password) VALUES (?1, ?2)", [name, password]);
        Ok(Outcome::Registered(UserId(id?)))
    }

    fn set_password(&self, user: UserId, password: &str) -> rusqlite::Result<Outcome> {
        let update = "UPDATE User SET password = ?2 WHERE id = ?1";
        let changed = self.change(update, params![user.0, password])?;
        Ok(if changed == 0 { Outcome::NoSuchUser } else { Outcome::Done })
    }

    fn set_token(&self, user: UserId, token: Option<&TokenHash>) -> rusqlite::Result<Outcome> {
        if !self.user_exists(user)? {
            return Ok(Outcome::NoSuchUser);
        }
        match token {
            Some(hash) => self.change(
                "INSERT INTO ResumeToken (userid, hash) VALUES (?1, ?2)
                 ON CONFLICT (userid) DO UPDATE SET hash = excluded.hash",
                params![user.0, hash],
            )?,
            None => self.change("DELETE FROM ResumeToken WHERE userid = ?1", [user.0])?,
        };
        Ok(Outcome::Done)
    }

    fn add_friend(&self, user: UserId, friend: UserId) -> rusqlite::Result<Outcome> {
        if !self.user_exists(user)? || !self.user_exists(friend)? {
            return Ok(Outcome::NoSuchUser);
        }
        let listed = "SELECT 1 FROM Friend WHERE userid = ?1 AND friendid = ?2";
        if self.exists(listed, [user.0, friend.0])? {
            return Ok(Outcome::Done);
        }
        let count = self.count("SELECT COUNT(*) FROM Friend WHERE userid = ?1", user.0)?;
        if count >= self.limits.friends_max {
            return Ok(Outcome::LimitReached);
        }
        let insert = "INSERT INTO Friend (userid, friendid) VALUES (?1, ?2)";
        self.change(insert, [user.0, friend.0])?;
        Ok(Outcome::Done)
    }

    fn create_group(
        &self,
        creator: UserId,
        name: &str,
        description: &str,
    ) -> rusqlite::Result<Outcome> {
        if !self.user_exists(creator)? {
            return Ok(Outcome::NoSuchUser);
        }
        if self.exists("SELECT 1 FROM AllGroup WHERE groupname = ?1", [name])? {
            return Ok(Outcome::NameTaken);
        }
        if self.groups_of(creator)? >= self.limits.groups_max || self.limits.members_max == 0 {
            return Ok(Outcome::LimitReached);
        }
        let insert = "INSERT INTO AllGroup (groupname, groupdesc) VALUES (?1, ?2)";
        let group = GroupId(self.insert(insert, [name, description])?);
        self.add_member(group, creator, "creator")?;
        Ok(Outcome::GroupCreated(group))
    }

    fn join_group(&self, user: UserId, group: GroupId) -> rusqlite::Result<Outcome> {
        if !self.user_exists(user)? {
            return Ok(Outcome::NoSuchUser);
        }
        if !self.exists("SELECT 1 FROM AllGroup WHERE id = ?1", [group.0])? {
            return Ok(Outcome::NoSuchGroup);
        }
        let member = "SELECT 1 FROM GroupUser WHERE groupid = ?1 AND userid = ?2";
        if self.exists(member, [group.0, user.0])? {
            return Ok(Outcome::Done);
        }
        let members = self.count("SELECT COUNT(*) FROM GroupUser WHERE groupid = ?1", group.0)?;
        if self.groups_of(user)? >= self.limits.groups_max || members >= self.limits.members_max {
            return Ok(Outcome::LimitReached);
        }
        self.add_member(group, user, "normal")?;
        Ok(Outcome::Done)
    }

    fn groups_of(&self, user: UserId) -> rusqlite::Result<usize> {
        self.count("SELECT COUNT(*) FROM GroupUser WHERE userid = ?1", user.0)
    }

    fn add_member(&self, group: GroupId, user: UserId, role: &str) -> rusqlite::Result<usize> {
        let insert = "INSERT INTO GroupUser (groupid, userid, grouprole) VALUES (?1, ?2, ?3)";
        self.change(insert, params![group.0, user.0, role])
    }

    pub(super) fn user_exists(&self, user: UserId) -> rusqlite::Result<bool> {
        self.exists("SELECT 1 FROM User WHERE id = ?1", [user.0])
    }

    pub(super) fn exists(&self, sql: &str, params: impl Params) -> rusqlite::Result<bool> {
        self.transaction.prepare_cached(sql)?.exists(params)
    }

    pub(super) fn count(&self, sql: &str, id: i64) -> rusqlite::Result<usize> {
        let count: i64 = self.transaction.prepare_cached(sql)?.query_row([id], |row| row.get(0))?;
        usize::try_from(count).map_err(|_| Error::IntegralValueOutOfRange(0, count))
    }

    pub(super) fn insert(&self, sql: &str, params: impl Params) -> rusqlite::Result<i64> {
        self.transaction.prepare_cached(sql)?.insert(params)
    }

    pub(super) fn change(&self, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
        self.transaction.prepare_cached(sql)?.execute(params)
    }
}
