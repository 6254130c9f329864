//! What SQLite's errors mean to the callers of a store.

use std::io;
use std::path::PathBuf;

use rusqlite::{Error, ErrorCode};

use crate::storage::StoreError;

/// Why the embedded store cannot be opened, in one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or a file in it cannot be made or written.
    #[error(
        "cannot write {path}: {source}; let the server's user own the data folder or choose \
         another one"
    )]
    NotWritable {
        /// The folder, or the file in it.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another server has the folder open.
    #[error("another server is using the data folder {folder}; stop it or choose another folder")]
    InUse {
        /// The data folder.
        folder: PathBuf,
    },
    /// A later release has upgraded the data.
    #[error(
        "{file} has schema {found}, this program knows {known}; run a newer release or restore \
         a backup"
    )]
    Newer {
        /// The database.
        file: PathBuf,
        /// Its schema.
        found: i64,
        /// The latest schema of this program.
        known: usize,
    },
    /// The file is not what it should be, or cannot be read.
    #[error("cannot open {file}: {source}")]
    Database {
        /// The database.
        file: PathBuf,
        /// What is wrong.
        source: StoreError,
    },
}

impl From<Error> for StoreError {
    /// Damage is told from what may pass: a full disk, a lock, an error of the device.
    fn from(error: Error) -> Self {
        let damaged = match &error {
            Error::SqliteFailure(failure, _) => matches!(
                failure.code,
                // Each constraint is checked before it is written: a breach is no user's doing.
                ErrorCode::DatabaseCorrupt
                    | ErrorCode::NotADatabase
                    | ErrorCode::ConstraintViolation
            ),
            Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..)
            | Error::Utf8Error(..) => true,
            _ => false,
        };
        if damaged {
            Self::Corrupt(error.to_string())
        } else {
            Self::Unavailable(error.to_string())
        }
    }
}
