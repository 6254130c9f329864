//! Makes and upgrades the tables. MySQL commits each change of a table by itself, so an upgrade may
//! be cut short anywhere; each step is such that starting again finishes the work:
//!
//! 1. Tables of the original server get other names, one by one.
//! 2. The tables of `sql/chat.sql` are made, those that are missing.
//! 3. One transaction copies what the original tables hold and writes down the version.
//! 4. Once there is a version, the original tables are dropped.
//!
//! A named lock keeps other servers out meanwhile.

use std::io;

use mysql::prelude::Queryable as _;
use mysql::{Conn, Params, Row};

use super::failure::{Failure, OpenError};
use super::original;
use super::target::Target;

/// The truth of the schema.
const CHAT_SQL: &str = include_str!("../../../../sql/chat.sql");
/// What it makes.
const VERSION: i64 = 1;
/// Waits for as long as another server may need for a large database.
const LOCK: &str = "SELECT GET_LOCK(CONCAT('ChatServer schema ', MD5(DATABASE())), 1500)";
const UNLOCK: &str = "SELECT RELEASE_LOCK(CONCAT('ChatServer schema ', MD5(DATABASE())))";

/// A connection that counts statements, so that tests can stop an upgrade anywhere.
pub(super) struct Upgrade {
    pub(super) conn: Conn,
    pub(super) statements_left: usize,
}

impl Upgrade {
    pub(super) fn new(conn: Conn) -> Self {
        Self { conn, statements_left: usize::MAX }
    }

    /// Brings the schema up to date, whatever it is now.
    pub(super) fn run(&mut self, target: &Target) -> Result<(), OpenError> {
        let failed = |error| OpenError::of(target, error);
        if self.number(LOCK).map_err(failed)? != Some(1) {
            let why = "another server has been upgrading it for long".to_owned();
            return Err(OpenError::other(target, Failure::Refused(why)));
        }
        let version = self.version().map_err(failed)?;
        if let Some(found) = version.filter(|found| *found > VERSION) {
            let database = target.to_string();
            return Err(OpenError::Newer { database, found, known: VERSION });
        }
        if version.is_none() {
            self.make().map_err(failed)?;
        }
        original::drop_tables(self).map_err(failed)?;
        self.ask(UNLOCK, ()).map_err(failed)?;
        Ok(())
    }

    fn version(&mut self) -> Result<Option<i64>, mysql::Error> {
        let table = "SELECT 1 FROM information_schema.TABLES
                     WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'SchemaVersion'";
        if self.ask(table, ())?.is_empty() {
            return Ok(None);
        }
        self.number("SELECT MAX(version) FROM SchemaVersion")
    }

    fn number(&mut self, sql: &str) -> Result<Option<i64>, mysql::Error> {
        let rows = self.ask(sql, ())?;
        Ok(rows.into_iter().next().and_then(|mut row| row.take_opt(0)?.ok()).flatten())
    }

    fn make(&mut self) -> Result<(), mysql::Error> {
        original::set_aside(self)?;
        let (tables, version) = statements(CHAT_SQL);
        for table in tables {
            self.tell(table)?;
        }
        self.tell("START TRANSACTION")?;
        original::import(self)?;
        self.tell(version)?;
        self.tell("COMMIT")
    }

    /// Carries out a statement.
    pub(super) fn tell(&mut self, sql: &str) -> Result<(), mysql::Error> {
        self.count()?;
        self.conn.query_drop(sql)
    }

    /// The answer to a question.
    pub(super) fn ask(
        &mut self,
        sql: &str,
        params: impl Into<Params>,
    ) -> Result<Vec<Row>, mysql::Error> {
        self.count()?;
        self.conn.exec(sql, params)
    }

    pub(super) fn count(&mut self) -> Result<(), mysql::Error> {
        let left = self.statements_left.checked_sub(1);
        self.statements_left = left.ok_or_else(|| io::Error::other("stopped half way"))?;
        Ok(())
    }
}

/// The statements that make tables, and the last one, which writes the version down.
fn statements(sql: &str) -> (Vec<&str>, &str) {
    let whole =
        |piece: &str| piece.lines().any(|line| !line.trim().is_empty() && !is_comment(line));
    let mut all: Vec<&str> = sql.split(";\n").filter(|piece| whole(piece)).collect();
    let version = all.pop().unwrap_or_default();
    (all, version)
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("--")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_taken_apart() {
        let (tables, version) = statements(CHAT_SQL);
        assert_eq!(tables.len(), 8);
        assert!(tables.iter().all(|sql| sql.contains("CREATE TABLE IF NOT EXISTS ")));
        let recorded = format!("(version) VALUES ({VERSION})");
        assert!(version.contains(&recorded) && version.contains("IGNORE"), "{version}");
    }
}
