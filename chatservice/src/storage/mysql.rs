//! The store on a MySQL or MariaDB server: the tables of `sql/chat.sql`, made and upgraded by
//! itself.
//!
//! One connection writes, in batches; a few read. A call ends within about 5 s, and while the server
//! is away calls fail at once. A commit whose outcome is unknown is an error: writes can be repeated.
//! Not here: SQL of reads and writes, which have files of their own.

mod dialect;
mod failure;
mod lease;
mod link;
mod original;
mod queue_plan;
mod queues;
mod reads;
mod row_counts;
mod schema;
mod statement;
mod target;
mod timed;
mod writes;

use std::cell::RefCell;
use std::mem;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use chatproto::{GroupId, UserId};
use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use mysql::prelude::Queryable as _;
use mysql::{Conn, Row as SqlRow};
use parking_lot::Mutex;

use self::dialect::Dialect;
use self::failure::Failure;
pub use self::failure::OpenError;
use self::lease::Lease;
pub use self::lease::Sharing;
use self::link::{BEGIN_WITHIN, Errand, Link, Readers, Slot, transaction};
use self::queues::Terms;
use self::row_counts::RowCounts;
use self::schema::Upgrade;
pub use self::target::{Target, TargetError};
use self::timed::TimedConn;
use self::writes::Batch;
use super::{
    Arrival, Credentials, Outcome, PageLimit, Profile, Resumed, Row, RowId, Store, StoreError,
    StoreLimits, TokenHash, Write,
};

/// How often the writing connection is looked after when nobody writes. Well below the silence after
/// which it loses the lease, and short, as nothing else finds out that the server is back.
const HEARTBEAT: Duration = Duration::from_millis(300);

/// Durable state on a database server.
pub struct MySqlStore {
    inner: Arc<Inner>,
    heartbeat: Option<Heartbeat>,
}

struct Inner {
    link: Link,
    lease: Lease,
    readers: Readers,
    writer: Mutex<Writer>,
    limits: StoreLimits,
    terms: Terms,
}

#[derive(Default)]
struct Writer {
    slot: Slot,
    counts: RowCounts,
}

impl MySqlStore {
    /// Opens the store, making or upgrading what is missing. Blocks for as long as an upgrade
    /// takes.
    pub fn open(target: &Target, limits: StoreLimits, sharing: Sharing) -> Result<Self, OpenError> {
        let failed = |error| OpenError::of(target, error);
        let (link, lease) = (Link::new(target), Lease::new(sharing));
        let mut writing = link.connect().map_err(failed)?;
        if !lease.take(&mut writing).map_err(failed)? {
            return Err(OpenError::InUse { database: target.to_string() });
        }
        check_settings(&mut writing, target)?;
        let version: Option<String> = writing.query_first("SELECT VERSION()").map_err(failed)?;
        let dialect = Dialect::of(&version.unwrap_or_default());
        let terms = Terms { rows_max: limits.rows_max, sharing, dialect };
        let patient = Conn::new(target.patient_opts()).map_err(failed)?;
        Upgrade::new(patient).run(target)?;
        let writer = Writer { slot: Slot::holding(writing), counts: RowCounts::default() };
        let (readers, writer) = (Readers::new(), Mutex::new(writer));
        let inner = Arc::new(Inner { link, lease, readers, writer, limits, terms });
        let heartbeat = Some(Heartbeat::start(Arc::clone(&inner))?);
        Ok(Self { inner, heartbeat })
    }

    /// Does the first `statements` of an upgrade and ends there, as a kill would.
    #[doc(hidden)]
    pub fn upgrade_partly(target: &Target, statements: usize) -> Result<(), OpenError> {
        let conn =
            Conn::new(target.patient_opts()).map_err(|error| OpenError::of(target, error))?;
        let mut upgrade = Upgrade::new(conn);
        upgrade.statements_left = statements;
        upgrade.run(target)
    }
}

impl Drop for MySqlStore {
    fn drop(&mut self) {
        if let Some(heartbeat) = self.heartbeat.take() {
            heartbeat.stop();
        }
    }
}

impl Store for MySqlStore {
    fn credentials(&self, user: UserId) -> Result<Option<Credentials>, StoreError> {
        self.inner.read(|conn| reads::credentials(conn, user))
    }

    fn profile(&self, user: UserId, members_max: usize) -> Result<Profile, StoreError> {
        self.inner.read(|conn| reads::profile(conn, user, members_max))
    }

    fn resume(
        &self,
        user: UserId,
        token: &TokenHash,
        members_max: usize,
    ) -> Result<Option<Resumed>, StoreError> {
        self.inner.read(|conn| reads::resume(conn, user, token, members_max))
    }

    fn members(&self, group: GroupId) -> Result<Option<Vec<UserId>>, StoreError> {
        self.inner.read(|conn| reads::members(conn, group))
    }

    fn rows(
        &self,
        recipient: UserId,
        after: RowId,
        limit: PageLimit,
    ) -> Result<Vec<Row>, StoreError> {
        self.inner.read(|conn| reads::rows(conn, recipient, after, limit))
    }

    fn arrivals(&self, after: RowId, limit: usize) -> Result<Vec<Arrival>, StoreError> {
        self.inner.read(|conn| reads::arrivals(conn, after, limit))
    }

    fn newest_row(&self) -> Result<RowId, StoreError> {
        self.inner.read(reads::newest_row)
    }

    fn commit(&self, writes: &[Write]) -> Result<Vec<Outcome>, StoreError> {
        Ok(self.inner.commit(writes)?)
    }
}

impl Inner {
    fn read<R>(
        &self,
        work: impl FnMut(&mut TimedConn) -> Result<R, Failure>,
    ) -> Result<R, StoreError> {
        self.lease.check()?;
        Ok(self.readers.run(&self.link, work)?)
    }

    fn commit(&self, writes: &[Write]) -> Result<Vec<Outcome>, Failure> {
        let until = Instant::now() + BEGIN_WITHIN;
        let mut writer = match self.writer.try_lock() {
            Some(writer) => writer,
            // Whoever holds it waits for a server that does not answer.
            None if self.link.is_broken() => {
                return Err(Failure::Refused("the database does not answer".to_owned()));
            }
            None => self.writer.try_lock_until(until).ok_or(Failure::Late)?,
        };
        loop {
            match self.commit_once(&mut writer, writes, until) {
                Err(Failure::Conflict(why)) if Instant::now() < until => {
                    log::debug!("a batch is done again: {why}");
                    // Not in step with the one that it met.
                    thread::sleep(Duration::from_millis(fastrand::u64(1..20)));
                }
                result => return result,
            }
        }
    }

    fn commit_once(
        &self,
        writer: &mut Writer,
        writes: &[Write],
        until: Instant,
    ) -> Result<Vec<Outcome>, Failure> {
        let Writer { slot, counts } = writer;
        let counts = RefCell::new(counts);
        let prepare = |conn: &mut TimedConn| self.begin_anew(conn, &mut counts.borrow_mut());
        self.link.run(slot, (Errand::Call, until), prepare, |conn| {
            // They come back with success only: after an error or a panic they are counted anew.
            let mut fresh = mem::take(&mut **counts.borrow_mut());
            let outcomes = transaction(conn, "START TRANSACTION", |conn| {
                Batch::new(conn, (self.limits, self.terms), &mut fresh).carry_out(writes)
            })?;
            **counts.borrow_mut() = fresh;
            Ok(outcomes)
        })
    }

    /// Prepares a new connection for writing. Before it had the lease somebody else may have.
    fn begin_anew(&self, conn: &mut TimedConn, counts: &mut RowCounts) -> Result<(), Failure> {
        *counts = RowCounts::default();
        self.lease.require(conn)
    }

    /// Keeps the writing connection, and with it the lease, or gets it back.
    fn look_after(&self) {
        // Whoever writes looks after it as well.
        let Some(mut writer) = self.writer.try_lock() else { return };
        let until = Instant::now() + BEGIN_WITHIN;
        let Writer { slot, counts } = &mut *writer;
        let prepare = |conn: &mut TimedConn| self.begin_anew(conn, counts);
        let looked = self.link.run(slot, (Errand::Probe, until), prepare, |conn| Ok(conn.ping()?));
        if let Err(failure) = looked {
            log::debug!("the database is away: {failure:?}");
        }
    }
}

/// A thread that looks after the writing connection.
struct Heartbeat {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Heartbeat {
    fn start(inner: Arc<Inner>) -> Result<Self, OpenError> {
        let (stop, stopped) = bounded(1);
        let thread =
            thread::Builder::new().name("store-heartbeat".to_owned()).spawn(move || {
                while stopped.recv_timeout(HEARTBEAT) == Err(RecvTimeoutError::Timeout) {
                    inner.look_after();
                }
            })?;
        Ok(Self { stop, thread })
    }

    /// Waits for its end, at most for as long as one attempt takes.
    fn stop(self) {
        drop(self.stop);
        // A panic there was reported, and there is nothing left to look after.
        let _ended = self.thread.join();
    }
}

/// Refuses what cannot work, warns of what cannot hold.
fn check_settings(conn: &mut Conn, target: &Target) -> Result<(), OpenError> {
    let sql = "SHOW GLOBAL VARIABLES WHERE Variable_name IN
               ('innodb_flush_log_at_trx_commit', 'log_bin', 'binlog_format')";
    let rows: Vec<SqlRow> = conn.query(sql).map_err(|error| OpenError::of(target, error))?;
    let settings: Vec<(String, String)> = rows
        .into_iter()
        .filter_map(|mut row| Some((row.take_opt(0)?.ok()?, row.take_opt(1)?.ok()?)))
        .collect();
    let is = |name: &str, value: &str| {
        settings.iter().any(|(other, found)| other == name && found.eq_ignore_ascii_case(value))
    };
    if is("log_bin", "ON") && is("binlog_format", "STATEMENT") {
        return Err(OpenError::StatementLog { server: target.server() });
    }
    if !is("innodb_flush_log_at_trx_commit", "1") {
        log::warn!(
            "the database server does not flush its log at each commit: a loss of power there loses \
             messages that were confirmed; set innodb_flush_log_at_trx_commit = 1"
        );
    }
    Ok(())
}
