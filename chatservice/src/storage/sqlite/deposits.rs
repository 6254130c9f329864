//! Deposits of a batch. Rows of those that follow each other are gathered and inserted by a
//! statement for many: to begin a statement, and to keep the table's counter, costs as much as
//! the row itself.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, LazyLock};

use chatproto::UserId;
use rusqlite::{OptionalExtension, params};

use super::writes::Batch;
use crate::message::{Audience, Message, Sid};
use crate::storage::{Outcome, RowId};

/// Rows of one statement, the most first; what is left over takes a smaller one.
const SIZES: [usize; 4] = [64, 16, 4, 1];

/// Rows that are gathered before they are inserted: few enough to be looked through, and so many
/// that what is left over from full statements does not count.
const GATHERED_MAX: usize = 256;

/// One for each of [`SIZES`]. What is there already stays as it is.
static INSERTS: LazyLock<[String; 4]> = LazyLock::new(|| {
    SIZES.map(|rows| {
        let rows = vec!["(?,?,?,?,?,?)"; rows].join(",");
        let head = "INSERT INTO OfflineMessage (userid, sender, mid, sid, message, body) VALUES ";
        format!("{head}{rows} ON CONFLICT (userid, sender, mid) DO NOTHING")
    })
});

/// Rows to be inserted, of deposits that have their outcome but for the ids.
#[derive(Default)]
pub(super) struct Inserts {
    gathered: Vec<Insert>,
}

struct Insert {
    recipient: UserId,
    message: Arc<Message>,
    /// Whose outcome tells its id.
    write: usize,
}

impl Batch<'_> {
    /// Accepts or refuses the write behind those of `outcomes`.
    pub(super) fn deposit(
        &mut self,
        recipient: UserId,
        messages: &[Arc<Message>],
        outcomes: &mut [Outcome],
    ) -> rusqlite::Result<Outcome> {
        if self.inserts.gathered.len() >= GATHERED_MAX {
            self.insert_gathered(outcomes)?;
        }
        let Some(waiting) = self.waiting(recipient, outcomes)? else {
            return Ok(Outcome::NoSuchUser);
        };
        if waiting + messages.len() > self.limits.rows_max {
            self.insert_gathered(outcomes)?;
            let waiting = self.waiting(recipient, outcomes)?.unwrap_or_default();
            let new = self.count_new(recipient, messages)?;
            if new > 0 && waiting + new > self.limits.rows_max {
                return Ok(Outcome::LimitReached);
            }
        }
        // As if all were new: those that are not are taken off again.
        let waiting = self.counts.get(recipient).unwrap_or(waiting);
        self.counts.set(recipient, waiting + messages.len());
        let write = outcomes.len();
        let inserts = messages.iter().map(|message| {
            let message = Arc::clone(message);
            Insert { recipient, message, write }
        });
        self.inserts.gathered.extend(inserts);
        Ok(Outcome::Deposited(Vec::with_capacity(messages.len())))
    }

    /// How many messages wait for `recipient`, gathered ones included; `None` when there is no such
    /// account.
    fn waiting(
        &mut self,
        recipient: UserId,
        outcomes: &mut [Outcome],
    ) -> rusqlite::Result<Option<usize>> {
        if let Some(waiting) = self.counts.get(recipient) {
            return Ok(Some(waiting));
        }
        if !self.user_exists(recipient)? {
            return Ok(None);
        }
        // Counts may have been forgotten since rows were gathered for it.
        if self.inserts.gathered.iter().any(|insert| insert.recipient == recipient) {
            self.insert_gathered(outcomes)?;
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

    pub(super) fn find_row(
        &self,
        recipient: UserId,
        message: &Message,
    ) -> rusqlite::Result<Option<RowId>> {
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

    /// Inserts what was gathered and fills its ids in.
    pub(super) fn insert_gathered(&mut self, outcomes: &mut [Outcome]) -> rusqlite::Result<()> {
        let mut gathered = std::mem::take(&mut self.inserts.gathered);
        let mut rest = &gathered[..];
        while !rest.is_empty() {
            let size = SIZES.iter().position(|size| *size <= rest.len()).unwrap_or_default();
            let (chunk, behind) = rest.split_at(SIZES[size].min(rest.len()));
            for (insert, row) in chunk.iter().zip(self.insert_rows(&INSERTS[size], chunk)?) {
                if let Outcome::Deposited(rows) = &mut outcomes[insert.write] {
                    rows.push(row);
                }
            }
            rest = behind;
        }
        gathered.clear();
        self.inserts.gathered = gathered;
        Ok(())
    }

    /// The ids of the rows that hold `chunk`, new or found.
    fn insert_rows(&mut self, sql: &str, chunk: &[Insert]) -> rusqlite::Result<Vec<RowId>> {
        let mut bodies = Vec::new();
        let inserted = self.insert_new(sql, chunk, &mut bodies)?;
        if inserted == chunk.len() {
            // The counter goes up by one for each row, and nobody else writes.
            let last = self.transaction.last_insert_rowid();
            return Ok((last + 1 - chunk.len() as i64..=last).map(RowId).collect());
        }
        let rows = self.find_inserted(chunk, inserted)?;
        // A text may have been put there for a row that was not needed.
        bodies.iter().try_for_each(|body| self.drop_body(*body))?;
        Ok(rows)
    }

    /// How many rows were new; `bodies` gets the texts that they share.
    fn insert_new(
        &self,
        sql: &str,
        chunk: &[Insert],
        bodies: &mut Vec<i64>,
    ) -> rusqlite::Result<usize> {
        let mut body = None;
        let mut statement = self.transaction.prepare_cached(sql)?;
        for (insert, first) in chunk.iter().zip((1..).step_by(6)) {
            let message = &*insert.message;
            let text = match message.audience {
                Audience::One => Some(message.object.text()),
                Audience::Group => {
                    body = self.body(message, body)?;
                    bodies.extend(body.map(|(_, id)| id));
                    None
                }
            };
            let shared = body.filter(|_| text.is_none()).map(|(_, id)| id);
            statement.raw_bind_parameter(first, insert.recipient.0)?;
            statement.raw_bind_parameter(first + 1, message.sender.0)?;
            statement.raw_bind_parameter(first + 2, message.mid.as_str())?;
            statement.raw_bind_parameter(first + 3, message.sid.text().as_str())?;
            statement.raw_bind_parameter(first + 4, text)?;
            statement.raw_bind_parameter(first + 5, shared)?;
        }
        statement.raw_execute()
    }

    /// The same where only so many were new, which take the highest ids.
    fn find_inserted(&mut self, chunk: &[Insert], inserted: usize) -> rusqlite::Result<Vec<RowId>> {
        let mut rows = Vec::with_capacity(chunk.len());
        for insert in chunk {
            let found = self.find_row(insert.recipient, &insert.message)?;
            rows.push(found.ok_or(rusqlite::Error::QueryReturnedNoRows)?);
        }
        let ids: BTreeSet<RowId> = rows.iter().copied().collect();
        let mut new: BTreeSet<RowId> = ids.into_iter().rev().take(inserted).collect();
        for (insert, row) in chunk.iter().zip(&rows) {
            if !new.remove(row) {
                self.counts.removed(insert.recipient, 1);
            }
        }
        Ok(rows)
    }

    /// The id of the text that all recipients of a message to a group share. `last` is the answer
    /// before: those of one message come together.
    fn body(
        &self,
        message: &Message,
        last: Option<(Sid, i64)>,
    ) -> rusqlite::Result<Option<(Sid, i64)>> {
        if last.is_some_and(|(sid, _)| sid == message.sid) {
            return Ok(last);
        }
        let sid = message.sid.text();
        let found = self
            .transaction
            .prepare_cached("SELECT id FROM MessageBody WHERE sid = ?1")?
            .query_row([sid.as_str()], |row| row.get(0))
            .optional()?;
        let id = match found {
            Some(id) => id,
            None => self.insert(
                "INSERT INTO MessageBody (sid, message) VALUES (?1, ?2)",
                [sid.as_str(), &message.object.text()],
            )?,
        };
        Ok(Some((message.sid, id)))
    }
}
