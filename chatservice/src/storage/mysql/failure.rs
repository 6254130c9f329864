//! What errors of the connection and of the server mean to the callers of a store.

use std::error::Error as _;
use std::io::{self, ErrorKind};

use mysql::DriverError;

use super::target::Target;
use super::timed::Overtime;
use crate::storage::StoreError;

/// Why a piece of work on a connection failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The connection broke, and with it a transaction that was under way. A commit that was sent
    /// may have taken effect.
    Lost(String, Again),
    /// The call took too long, although the server answers. Nothing of it was committed.
    Late,
    /// It met the work of another connection. All of it may be done again.
    Conflict(String),
    /// The server does not do it now.
    Refused(String),
    /// What is stored makes no sense.
    Damaged(String),
}

/// Whether work on a broken connection may be done again on a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// The connection was dead already, and nothing was committed.
    AtOnce,
    /// Time was lost already, or the outcome is not known.
    No,
}

/// Duplicate entry: somebody else took the name, or stored the text, a moment ago.
const DUPLICATE: u16 = 1062;
/// Foreign keys: what was referred to went away, or the other way round.
const REFERENCES: [u16; 2] = [1451, 1452];
const DEADLOCK: u16 = 1213;
const LOCK_WAIT: u16 = 1205;
/// The server shuts down, or ended this connection.
const ENDED: [u16; 4] = [1053, 1927, 3169, 4031];

impl From<mysql::Error> for Failure {
    fn from(error: mysql::Error) -> Self {
        if is_overtime(&error) {
            return Self::Late;
        }
        let text = error.to_string();
        if let Some(io) = input_output(&error) {
            let late = matches!(io.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
            let text = if late { "no answer in time".to_owned() } else { io.to_string() };
            return Self::Lost(text, if late { Again::No } else { Again::AtOnce });
        }
        match error {
            mysql::Error::MySqlError(refused) => match refused.code {
                DUPLICATE | DEADLOCK | LOCK_WAIT => Self::Conflict(text),
                code if REFERENCES.contains(&code) => Self::Conflict(text),
                code if ENDED.contains(&code) => Self::Lost(text, Again::AtOnce),
                _ => Self::Refused(text),
            },
            mysql::Error::IoError(_)
            | mysql::Error::CodecError(_)
            | mysql::Error::DriverError(_) => Self::Lost(text, Again::AtOnce),
            mysql::Error::UrlError(_) => Self::Refused(text),
            // Their texts would show what is stored.
            mysql::Error::FromValueError(_) | mysql::Error::FromRowError(_) => {
                Self::Damaged("a column has the wrong type".to_owned())
            }
        }
    }
}

fn is_overtime(error: &mysql::Error) -> bool {
    let mysql::Error::IoError(error) = error else { return false };
    error.get_ref().is_some_and(|inner| inner.is::<Overtime>())
}

/// What the system says, which some reads wrap once more.
fn input_output(error: &mysql::Error) -> Option<&io::Error> {
    match error {
        mysql::Error::IoError(error) => Some(error),
        mysql::Error::CodecError(error) => error.source()?.downcast_ref(),
        _ => None,
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Lost(why, _) | Failure::Conflict(why) | Failure::Refused(why) => {
                Self::Unavailable(why)
            }
            Failure::Late => Self::Unavailable("the database is too slow".to_owned()),
            Failure::Damaged(why) => Self::Corrupt(why),
        }
    }
}

/// Why the database cannot be used, in one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nobody answers there.
    #[error(
        "cannot reach the database server at {server}: {why}; is it running, is the address right?"
    )]
    Unreachable {
        /// Host and port.
        server: String,
        /// What the system says.
        why: String,
    },
    /// Wrong user or password.
    #[error(
        "the database server at {server} denies access to user {user}: check the password, or let \
         an administrator run: CREATE USER '{user}'@'%' IDENTIFIED BY '...'; GRANT ALL ON \
         `{database}`.* TO '{user}'@'%'"
    )]
    Denied {
        /// Host and port.
        server: String,
        /// Who was denied.
        user: String,
        /// Which database was asked for.
        database: String,
    },
    /// The user may not do what is needed.
    #[error(
        "user {user} may not use database {database} at {server} ({why}): let an administrator \
         run: CREATE DATABASE IF NOT EXISTS `{database}` CHARACTER SET utf8mb4; GRANT ALL ON \
         `{database}`.* TO '{user}'@'%'"
    )]
    NotGranted {
        /// Host and port.
        server: String,
        /// Whose rights.
        user: String,
        /// On what.
        database: String,
        /// What was refused.
        why: String,
    },
    /// There is no such database.
    #[error(
        "there is no database {database} at {server}: let an administrator run: CREATE DATABASE \
         `{database}` CHARACTER SET utf8mb4"
    )]
    NoDatabase {
        /// Host and port.
        server: String,
        /// What was asked for.
        database: String,
    },
    /// A later release has upgraded the data.
    #[error(
        "{database} has schema {found}, this program knows {known}; run a newer release or restore \
         a backup"
    )]
    Newer {
        /// The database, as a URL without password.
        database: String,
        /// Its schema.
        found: i64,
        /// The latest schema of this program.
        known: i64,
    },
    /// Another server has it.
    #[error(
        "another server is using {database}; without a bus between them only one may: stop it, or \
         choose another database"
    )]
    InUse {
        /// The database, as a URL without password.
        database: String,
    },
    /// A setting of the server rules it out.
    #[error(
        "the database server at {server} has binlog_format = STATEMENT; set it to ROW or MIXED"
    )]
    StatementLog {
        /// Host and port.
        server: String,
    },
    /// Anything else.
    #[error("cannot open {database}: {source}")]
    Database {
        /// The database, as a URL without password.
        database: String,
        /// What is wrong.
        source: StoreError,
    },
    /// The thread that keeps the lease.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
}

/// Rights on the database, a table, or a command.
const NOT_GRANTED: [u16; 4] = [1044, 1142, 1143, 1227];

impl OpenError {
    /// What a failed connect, or a statement of the start, means.
    pub(super) fn of(target: &Target, error: mysql::Error) -> Self {
        let server = target.server();
        let (user, database) = (target.user().to_owned(), target.database().to_owned());
        if input_output(&error).is_some() {
            return match error.into() {
                Failure::Lost(why, _) => Self::Unreachable { server, why },
                other => Self::other(target, other),
            };
        }
        match error {
            mysql::Error::MySqlError(refused) => match refused.code {
                1045 | 1698 => Self::Denied { server, user, database },
                1049 => Self::NoDatabase { server, database },
                code if NOT_GRANTED.contains(&code) => {
                    Self::NotGranted { server, user, database, why: refused.message }
                }
                _ => Self::other(target, mysql::Error::MySqlError(refused).into()),
            },
            mysql::Error::DriverError(DriverError::CouldNotConnect(Some((_, why, _)))) => {
                Self::Unreachable { server, why }
            }
            mysql::Error::DriverError(DriverError::ConnectTimeout) => {
                Self::Unreachable { server, why: "no answer in time".to_owned() }
            }
            error => Self::other(target, error.into()),
        }
    }

    pub(super) fn other(target: &Target, failure: Failure) -> Self {
        Self::Database { database: target.to_string(), source: failure.into() }
    }
}
