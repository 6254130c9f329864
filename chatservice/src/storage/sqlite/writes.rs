//! Carries out batches of writes. Each write is checked before it changes anything, so that a
//! refused one leaves no trace in the transaction that it shares with its neighbours.

use std::collections::HashSet;
use std::mem;
use std::sync::Arc;

use chatproto::{GroupId, UserId};
use rusqlite::{
    Connection, Error, OptionalExtension, Params, Transaction, TransactionBehavior, params,
};

use super::row_counts::RowCounts;
use crate::message::{Audience, Message};
use crate::storage::{Outcome, RowId, StoreLimits, TokenHash, Write};

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
        let mut batch = Batch { transaction, limits: self.limits, counts };
        let outcomes = writes.iter().map(|write| batch.apply(write)).collect::<Result<_, _>>()?;
        batch.transaction.commit()?;
        self.counts = batch.counts;
        Ok(outcomes)
    }
}

struct Batch<'a> {
    transaction: Transaction<'a>,
    limits: StoreLimits,
    counts: RowCounts,
}

impl Batch<'_> {
    fn apply(&mut self, write: &Write) -> rusqlite::Result<Outcome> {
        match write {
            Write::Register { name, password } => self.register(name, password),
            Write::SetPassword { user, password } => self.set_password(*user, password),
            Write::SetToken { user, token } => self.set_token(*user, token.as_ref()),
            Write::AddFriend { user, friend } => self.add_friend(*user, *friend),
            Write::CreateGroup { creator, name, description } => {
                self.create_group(*creator, name, description)
            }
            Write::JoinGroup { user, group } => self.join_group(*user, *group),
            Write::Deposit { recipient, messages } => self.deposit(*recipient, messages),
            Write::Remove { recipient, rows } => self.remove(*recipient, rows),
            Write::Withdraw { recipient, messages } => self.withdraw(*recipient, messages),
            Write::Barrier => Ok(Outcome::Done),
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

    fn deposit(
        &mut self,
        recipient: UserId,
        messages: &[Arc<Message>],
    ) -> rusqlite::Result<Outcome> {
        let Some(waiting) = self.waiting(recipient)? else { return Ok(Outcome::NoSuchUser) };
        if waiting + messages.len() > self.limits.rows_max {
            let new = self.count_new(recipient, messages)?;
            if new > 0 && waiting + new > self.limits.rows_max {
                return Ok(Outcome::LimitReached);
            }
        }
        let mut rows = Vec::with_capacity(messages.len());
        let mut inserted = 0;
        for message in messages {
            let row = match self.find_row(recipient, message)? {
                Some(row) => row,
                None => {
                    inserted += 1;
                    self.insert_row(recipient, message)?
                }
            };
            rows.push(row);
        }
        self.counts.set(recipient, waiting + inserted);
        Ok(Outcome::Deposited(rows))
    }

    /// How many messages wait for `recipient`; `None` when there is no such account.
    fn waiting(&self, recipient: UserId) -> rusqlite::Result<Option<usize>> {
        if let Some(waiting) = self.counts.get(recipient) {
            return Ok(Some(waiting));
        }
        if !self.user_exists(recipient)? {
            return Ok(None);
        }
        self.count("SELECT COUNT(*) FROM OfflineMessage WHERE userid = ?1", recipient.0).map(Some)
    }

    /// How many rows `messages` would add; one that occurs twice counts once.
    fn count_new(&self, recipient: UserId, messages: &[Arc<Message>]) -> rusqlite::Result<usize> {
        let mut new = HashSet::new();
        for message in messages {
            if self.find_row(recipient, message)?.is_none() {
                new.insert((message.sender, &message.mid));
            }
        }
        Ok(new.len())
    }

    fn find_row(&self, recipient: UserId, message: &Message) -> rusqlite::Result<Option<RowId>> {
        self.transaction
            .prepare_cached(
                "SELECT id FROM OfflineMessage WHERE userid = ?1 AND sender = ?2 AND mid = ?3",
            )?
            .query_row(params![recipient.0, message.sender.0, message.mid.as_str()], |row| {
                row.get(0)
            })
            .optional()
            .map(|found| found.map(RowId))
    }

    fn insert_row(&self, recipient: UserId, message: &Message) -> rusqlite::Result<RowId> {
        let (text, body) = match message.audience {
            Audience::One => (Some(message.object.text()), None),
            Audience::Group => (None, Some(self.body(message)?)),
        };
        let sid = message.sid.to_string();
        self.insert(
            "INSERT INTO OfflineMessage (userid, sender, mid, sid, message, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![recipient.0, message.sender.0, message.mid.as_str(), sid, text, body],
        )
        .map(RowId)
    }

    /// The id of the text that all recipients of a message to a group share.
    fn body(&self, message: &Message) -> rusqlite::Result<i64> {
        let sid = message.sid.to_string();
        let found = self
            .transaction
            .prepare_cached("SELECT id FROM MessageBody WHERE sid = ?1")?
            .query_row([&sid], |row| row.get(0))
            .optional()?;
        match found {
            Some(id) => Ok(id),
            None => self.insert(
                "INSERT INTO MessageBody (sid, message) VALUES (?1, ?2)",
                [&sid, &message.object.text()],
            ),
        }
    }

    fn remove(&mut self, recipient: UserId, rows: &[RowId]) -> rusqlite::Result<Outcome> {
        let mut removed = 0;
        for row in rows {
            let body: Option<Option<i64>> = self
                .transaction
                .prepare_cached(
                    "DELETE FROM OfflineMessage WHERE id = ?1 AND userid = ?2 RETURNING body",
                )?
                .query_row([row.0, recipient.0], |deleted| deleted.get(0))
                .optional()?;
            removed += usize::from(body.is_some());
            if let Some(body) = body.flatten() {
                self.change(
                    "DELETE FROM MessageBody WHERE id = ?1
                     AND NOT EXISTS (SELECT 1 FROM OfflineMessage WHERE body = ?1)",
                    [body],
                )?;
            }
        }
        self.counts.removed(recipient, removed);
        Ok(Outcome::Done)
    }

    fn withdraw(
        &mut self,
        recipient: UserId,
        messages: &[Arc<Message>],
    ) -> rusqlite::Result<Outcome> {
        let mut rows = Vec::with_capacity(messages.len());
        for message in messages {
            rows.extend(self.find_row(recipient, message)?);
        }
        self.remove(recipient, &rows)
    }

    fn user_exists(&self, user: UserId) -> rusqlite::Result<bool> {
        self.exists("SELECT 1 FROM User WHERE id = ?1", [user.0])
    }

    fn exists(&self, sql: &str, params: impl Params) -> rusqlite::Result<bool> {
        self.transaction.prepare_cached(sql)?.exists(params)
    }

    fn count(&self, sql: &str, id: i64) -> rusqlite::Result<usize> {
        let count: i64 = self.transaction.prepare_cached(sql)?.query_row([id], |row| row.get(0))?;
        usize::try_from(count).map_err(|_| Error::IntegralValueOutOfRange(0, count))
    }

    fn insert(&self, sql: &str, params: impl Params) -> rusqlite::Result<i64> {
        self.transaction.prepare_cached(sql)?.insert(params)
    }

    fn change(&self, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
        self.transaction.prepare_cached(sql)?.execute(params)
    }
}
