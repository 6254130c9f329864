//! The embedded store: one SQLite file in the data folder, opened by one server at a time.
//!
//! One connection writes, a few read; with the write-ahead log they do not wait for each other.
//! `synchronous=FULL` makes a commit wait for the disk, so what an outcome says survives a loss
//! of power. Not here: SQL of reads and writes, which have a file each.

mod deposits;
mod failure;
mod folder;
mod reads;
mod removals;
mod row_counts;
mod schema;
mod writes;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::time::Duration;

use chatproto::{GroupId, UserId};
use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;
use rusqlite::Connection;
use rusqlite::config::DbConfig;

pub use self::failure::OpenError;
use self::writes::Writer;
use super::{
    Arrival, Credentials, Outcome, PageLimit, Profile, Resumed, Row, RowId, Store, StoreError,
    StoreLimits, TokenHash, Write,
};

/// Reads under way at once; more wait for one to end.
const READERS: usize = 4;
/// How long a statement waits for a lock that somebody else's program holds on the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// More than there are different statements in this module.
const CACHED_STATEMENTS: usize = 64;
/// Pages in the write-ahead log before they are copied into the database: 32 MiB, so that a page
/// which many commits change is copied once.
const LOG_PAGES: i64 = 8192;
/// What the write-ahead log is cut back to after a burst, in bytes.
const LOG_SIZE_LIMIT: i64 = 64 << 20;
/// Memory for pages of the writing connection, in KiB: the indexes of some million rows.
const WRITER_CACHE_KIB: i64 = 64 << 10;

/// Durable state in one file, `chat.db`.
pub struct SqliteStore {
    writer: Mutex<Writer>,
    readers: ReaderPool,
    /// Held as long as the store is open; dropped after the connections.
    _lock: File,
}

impl SqliteStore {
    /// Opens the store in `folder`, making or upgrading what is missing. Blocks for as long as an
    /// upgrade takes.
    pub fn open(folder: &Path, limits: StoreLimits) -> Result<Self, OpenError> {
        let lock = folder::prepare(folder)?;
        let file = folder.join(folder::DATABASE);
        let failed = |error: rusqlite::Error| OpenError::Database {
            file: file.clone(),
            source: error.into(),
        };
        let mut connection = connect(&file).map_err(failed)?;
        let upgraded = schema::upgrade(&mut connection, schema::STEPS).map_err(failed)?;
        if let schema::Upgrade::Refused { found } = upgraded {
            return Err(OpenError::Newer { file, found, known: schema::STEPS.len() });
        }
        prepare_for_writing(&connection).map_err(failed)?;
        let readers = ReaderPool::open(&file).map_err(failed)?;
        Ok(Self { writer: Mutex::new(Writer::new(connection, limits)), readers, _lock: lock })
    }
}

impl Store for SqliteStore {
    fn credentials(&self, user: UserId) -> Result<Option<Credentials>, StoreError> {
        reads::credentials(&*self.readers.take()?, user).map_err(StoreError::from)
    }

    fn profile(&self, user: UserId, members_max: usize) -> Result<Profile, StoreError> {
        reads::profile(&mut *self.readers.take()?, user, members_max).map_err(StoreError::from)
    }

    fn resume(
        &self,
        user: UserId,
        token: &TokenHash,
        members_max: usize,
    ) -> Result<Option<Resumed>, StoreError> {
        reads::resume(&mut *self.readers.take()?, user, token, members_max)
            .map_err(StoreError::from)
    }

    fn members(&self, group: GroupId) -> Result<Option<Vec<UserId>>, StoreError> {
        reads::members(&*self.readers.take()?, group).map_err(StoreError::from)
    }

    fn rows(
        &self,
        recipient: UserId,
        after: RowId,
        limit: PageLimit,
    ) -> Result<Vec<Row>, StoreError> {
        reads::rows(&*self.readers.take()?, recipient, after, limit).map_err(StoreError::from)
    }

    fn arrivals(&self, after: RowId, limit: usize) -> Result<Vec<Arrival>, StoreError> {
        reads::arrivals(&*self.readers.take()?, after, limit).map_err(StoreError::from)
    }

    fn newest_row(&self) -> Result<RowId, StoreError> {
        reads::newest_row(&*self.readers.take()?).map_err(StoreError::from)
    }

    fn commit(&self, writes: &[Write]) -> Result<Vec<Outcome>, StoreError> {
        self.writer.lock().commit(writes).map_err(StoreError::from)
    }
}

/// Opens a connection with the settings that both kinds need.
fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(file)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    // Plans must not depend on bound values: else each new value has its statement made anew,
    // which costs several times what carrying it out does.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}

fn prepare_for_writing(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", LOG_SIZE_LIMIT)?;
    // Negative: KiB instead of pages.
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)
}

/// The reading connections that are not in use.
struct ReaderPool {
    give: Sender<Connection>,
    take: Receiver<Connection>,
}

impl ReaderPool {
    fn open(file: &Path) -> rusqlite::Result<Self> {
        let (give, take) = bounded(READERS);
        let pool = Self { give, take };
        for _ in 0..READERS {
            let connection = connect(file)?;
            connection.pragma_update(None, "query_only", true)?;
            pool.put_back(connection);
        }
        Ok(pool)
    }

    /// Waits for as long as other reads keep all of them.
    fn take(&self) -> Result<Reader<'_>, StoreError> {
        let lost = |_| StoreError::Unavailable("no reading connection is left".into());
        let connection = self.take.recv().map_err(lost)?;
        Ok(Reader { connection: Some(connection), pool: self })
    }

    fn put_back(&self, connection: Connection) {
        // There is room for all that were ever taken, and the pool holds the receiving end.
        let _ = self.give.try_send(connection);
    }
}

/// A connection on loan; goes back when dropped, also when a read panics.
struct Reader<'a> {
    connection: Option<Connection>,
    pool: &'a ReaderPool,
}

impl Deref for Reader<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("taken out on drop only")
    }
}

impl DerefMut for Reader<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("taken out on drop only")
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.put_back(connection);
        }
    }
}
