//! Removals and withdrawals of a batch.

use std::collections::BTreeSet;
use std::sync::Arc;

use chatproto::UserId;
use rusqlite::{OptionalExtension, params};

use super::writes::Batch;
use crate::message::Message;
use crate::storage::{Outcome, RowId};

impl Batch<'_> {
    pub(super) fn remove(
        &mut self,
        recipient: UserId,
        rows: &[RowId],
    ) -> rusqlite::Result<Outcome> {
        let rows: BTreeSet<RowId> = rows.iter().copied().collect();
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
            return Ok(Outcome::Done);
        };
        let found = self.rows_between(recipient, *first, *last, rows.len())?;
        let bodies = if found.iter().all(|(row, _)| rows.contains(row)) {
            self.change(
                "DELETE FROM OfflineMessage WHERE userid = ?1 AND id BETWEEN ?2 AND ?3",
                [recipient.0, first.0, last.0],
            )?;
            self.counts.removed(recipient, found.len());
            found.into_iter().filter_map(|(_, body)| body).collect()
        } else {
            self.remove_each(recipient, &rows)?
        };
        bodies.iter().try_for_each(|body: &i64| self.drop_body(*body))?;
        Ok(Outcome::Done)
    }

    /// Rows of a queue with their shared texts; when there are more than `expected`, so many and
    /// one.
    fn rows_between(
        &self,
        recipient: UserId,
        first: RowId,
        last: RowId,
        expected: usize,
    ) -> rusqlite::Result<Vec<(RowId, Option<i64>)>> {
        self.transaction
            .prepare_cached(
                "SELECT id, body FROM OfflineMessage
                 WHERE userid = ?1 AND id BETWEEN ?2 AND ?3 ORDER BY id LIMIT ?4",
            )?
            .query_map(params![recipient.0, first.0, last.0, expected as i64 + 1], |row| {
                Ok((RowId(row.get(0)?), row.get(1)?))
            })?
            .collect()
    }

    /// Where others lie between them; the shared texts that rows referred to.
    fn remove_each(
        &mut self,
        recipient: UserId,
        rows: &BTreeSet<RowId>,
    ) -> rusqlite::Result<Vec<i64>> {
        let mut bodies = Vec::new();
        for row in rows {
            let body: Option<Option<i64>> = self
                .transaction
                .prepare_cached("SELECT body FROM OfflineMessage WHERE id = ?1 AND userid = ?2")?
                .query_row([row.0, recipient.0], |found| found.get(0))
                .optional()?;
            // `RETURNING` would cost more than both: it makes a table for its answer.
            if let Some(body) = body {
                self.change("DELETE FROM OfflineMessage WHERE id = ?1", [row.0])?;
                self.counts.removed(recipient, 1);
                bodies.extend(body);
            }
        }
        Ok(bodies)
    }

    /// Unless somebody still refers to it.
    pub(super) fn drop_body(&self, body: i64) -> rusqlite::Result<()> {
        self.change(
            "DELETE FROM MessageBody WHERE id = ?1
             AND NOT EXISTS (SELECT 1 FROM OfflineMessage WHERE body = ?1)",
            [body],
        )?;
        Ok(())
    }

    pub(super) fn withdraw(
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
}
