//! The schema's history. A database carries the number of steps it has been through as its
//! `user_version`; opening it runs the rest, each in a transaction of its own.

use rusqlite::{Connection, TransactionBehavior};

/// Step n leads from schema n to schema n + 1.
pub(super) const STEPS: &[&str] = &[include_str!("version_1.sql")];

/// How an upgrade ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Upgrade {
    /// All steps are done, now or earlier.
    Current,
    /// The database has been through more steps than there are; nothing was changed.
    Refused {
        /// Its schema.
        found: i64,
    },
}

/// Runs the steps that `connection` has not seen.
pub(super) fn upgrade(connection: &mut Connection, steps: &[&str]) -> rusqlite::Result<Upgrade> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let Some(rest) = usize::try_from(found).ok().and_then(|done| steps.get(done..)) else {
        return Ok(Upgrade::Refused { found });
    };
    for (step, version) in rest.iter().zip(found + 1..) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(Upgrade::Current)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(connection: &Connection) -> i64 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    #[test]
    fn runs_the_missing_steps_only_and_keeps_the_data() {
        let mut connection = Connection::open_in_memory().unwrap();
        let first = "CREATE TABLE Kept (n INTEGER); INSERT INTO Kept VALUES (7)";
        assert_eq!(upgrade(&mut connection, &[first]), Ok(Upgrade::Current));
        assert_eq!(version(&connection), 1);
        let second = "ALTER TABLE Kept ADD COLUMN m INTEGER DEFAULT 8";
        assert_eq!(upgrade(&mut connection, &[first, second]), Ok(Upgrade::Current));
        assert_eq!(version(&connection), 2);
        let kept = connection.query_row("SELECT n, m FROM Kept", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        });
        assert_eq!(kept, Ok((7, 8)));
    }

    #[test]
    fn a_step_that_fails_leaves_the_schema_before_it() {
        let mut connection = Connection::open_in_memory().unwrap();
        let steps = ["CREATE TABLE A (n)", "CREATE TABLE B (n); CREATE TABLE A (n)"];
        assert!(upgrade(&mut connection, &steps).is_err());
        assert_eq!(version(&connection), 1);
        assert!(connection.table_exists(None, "A").unwrap());
        assert!(!connection.table_exists(None, "B").unwrap());
    }

    #[test]
    fn a_newer_or_impossible_schema_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        for found in [2, -1] {
            connection.pragma_update(None, "user_version", found).unwrap();
            assert_eq!(upgrade(&mut connection, &[""]), Ok(Upgrade::Refused { found }));
        }
    }
}
