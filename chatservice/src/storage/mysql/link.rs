//! The way to the server: makes connections, and guards against trying in vain. Connections
//! themselves lie in a [`Slot`] of whoever uses them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use mysql::prelude::Queryable as _;
use mysql::{Conn, Opts};
use parking_lot::Mutex;

use super::breaker::Breaker;
use super::failure::{Again, Failure};
use super::target::Target;

/// Shared by all connections to one database.
pub(super) struct Link {
    opts: Opts,
    breaker: Mutex<Breaker>,
    /// Grows when the server was lost: connections from before are not tried any more.
    era: AtomicU64,
}

/// Room for one connection.
#[derive(Default)]
pub(super) struct Slot {
    held: Option<Held>,
}

struct Held {
    conn: Conn,
    era: u64,
}

impl Slot {
    /// Puts the first connection of a program in, which was made outside of [`Link::run`].
    pub(super) fn holding(conn: Conn) -> Self {
        Self { held: Some(Held { conn, era: 0 }) }
    }
}

impl Link {
    pub(super) fn new(target: &Target) -> Self {
        Self { opts: target.opts().into(), breaker: Mutex::default(), era: AtomicU64::default() }
    }

    pub(super) fn connect(&self) -> Result<Conn, mysql::Error> {
        Conn::new(self.opts.clone())
    }

    /// Whether the last attempt failed and the next one has not ended yet.
    pub(super) fn is_broken(&self) -> bool {
        *self.breaker.lock() != Breaker::Closed
    }

    /// Does `work` on the slot's connection, which `prepare` prepares when it is a new one. Work
    /// that found the connection dead is done again, once, on a new one. A server that stops
    /// answering is given up after at most 7 s: the time for a connect, for a handshake, and for
    /// one statement. One that answers each statement, slowly, is waited for.
    pub(super) fn run<R>(
        &self,
        slot: &mut Slot,
        mut prepare: impl FnMut(&mut Conn) -> Result<(), Failure>,
        mut work: impl FnMut(&mut Conn) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        if !self.breaker.lock().admits(Instant::now()) {
            let why = "the database does not answer; the next attempt is a moment away";
            return Err(Failure::Refused(why.to_owned()));
        }
        let mut report = Report { link: self, answered: false };
        let era = self.era.load(Ordering::Relaxed);
        if slot.held.as_ref().is_some_and(|held| held.era != era) {
            slot.held = None;
        }
        loop {
            let reused = slot.held.is_some();
            let result = self.attempt(slot, era, &mut prepare, &mut work);
            match result {
                Err(Failure::Lost(_, Again::AtOnce)) if reused => {}
                Err(Failure::Lost(..)) => return result,
                result => {
                    report.answered = true;
                    return result;
                }
            }
        }
    }

    fn attempt<R>(
        &self,
        slot: &mut Slot,
        era: u64,
        prepare: &mut impl FnMut(&mut Conn) -> Result<(), Failure>,
        work: &mut impl FnMut(&mut Conn) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        // Taken out, so that a panic in between leaves no connection with half a conversation.
        let mut held = match slot.held.take() {
            Some(held) => held,
            None => {
                let mut conn = self.connect().map_err(unreachable)?;
                prepare(&mut conn)?;
                Held { conn, era }
            }
        };
        let result = work(&mut held.conn);
        if !matches!(result, Err(Failure::Lost(..))) {
            slot.held = Some(held);
        }
        result
    }
}

/// A refusal at the door (too many connections, no such user) is no answer either.
fn unreachable(error: mysql::Error) -> Failure {
    match Failure::from(error) {
        Failure::Refused(why) | Failure::Conflict(why) | Failure::Lost(why, _) => {
            Failure::Lost(why, Again::No)
        }
        damaged @ Failure::Damaged(_) => damaged,
    }
}

/// Tells the breaker how a call ended, also when it panicked.
struct Report<'a> {
    link: &'a Link,
    answered: bool,
}

impl Drop for Report<'_> {
    fn drop(&mut self) {
        if self.answered {
            self.link.breaker.lock().answered();
        } else {
            self.link.era.fetch_add(1, Ordering::Relaxed);
            self.link.breaker.lock().failed(Instant::now());
        }
    }
}

/// Carries out `work` in a transaction. When that fails, it is rolled back, unless the connection
/// is gone and the transaction with it.
pub(super) fn transaction<R>(
    conn: &mut Conn,
    begin: &str,
    work: impl FnOnce(&mut Conn) -> Result<R, Failure>,
) -> Result<R, Failure> {
    conn.query_drop(begin)?;
    match work(conn) {
        Ok(done) => {
            conn.query_drop("COMMIT").map_err(|error| match Failure::from(error) {
                Failure::Lost(why, _) => Failure::Lost(why, Again::No),
                other => other,
            })?;
            Ok(done)
        }
        Err(lost @ Failure::Lost(..)) => Err(lost),
        Err(failure) => {
            conn.query_drop("ROLLBACK")?;
            Err(failure)
        }
    }
}

/// Reads under way at once; more wait for one to end.
const READERS: usize = 4;
/// For so long; above what a read may take.
const READER_WITHIN: Duration = Duration::from_secs(8);

/// The connections for reading.
pub(super) struct Readers {
    give: Sender<Slot>,
    take: Receiver<Slot>,
}

impl Readers {
    pub(super) fn new() -> Self {
        let (give, take) = bounded(READERS);
        let readers = Self { give, take };
        (0..READERS).for_each(|_| readers.put_back(Slot::default()));
        readers
    }

    /// Does `work` on one of them.
    pub(super) fn run<R>(
        &self,
        link: &Link,
        work: impl FnMut(&mut Conn) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        let busy = |_| Failure::Refused("too many reads are under way".to_owned());
        let slot = self.take.recv_timeout(READER_WITHIN).map_err(busy)?;
        let mut loan = Loan { slot, readers: self };
        link.run(&mut loan.slot, |_| Ok(()), work)
    }

    fn put_back(&self, slot: Slot) {
        // There is room for all that were ever taken, and the receiving end lies beside it.
        let _ = self.give.try_send(slot);
    }
}

/// Goes back when dropped, also when a read panics.
struct Loan<'a> {
    slot: Slot,
    readers: &'a Readers,
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        self.readers.put_back(std::mem::take(&mut self.slot));
    }
}
