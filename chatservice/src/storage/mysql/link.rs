//! The way to the server: makes connections, and is the breaker that guards against trying in vain:
//! while the server is away all calls fail at once, and a [`Errand::Probe`] finds out whether it is
//! back. Connections themselves lie in a [`Slot`] of whoever uses them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use mysql::prelude::Queryable as _;
use mysql::{Conn, Opts};

use super::failure::{Again, Failure};
use super::target::{CONNECT_WITHIN, Target};
use super::timed::TimedConn;

/// No statement of a call begins later than this after the call did, whatever it waited for before:
/// other calls, locks, repetitions. The last one may take 2 s more; together they are the longest
/// that a call may block.
pub(super) const BEGIN_WITHIN: Duration = Duration::from_secs(3);

/// Shared by all connections to one database.
pub(super) struct Link {
    opts: Opts,
    /// To find out quickly whether it is back.
    knock: Opts,
    /// The last attempt that found out anything failed.
    broken: AtomicBool,
    /// Grows when the server was lost: connections from before are not tried any more.
    era: AtomicU64,
}

/// What a piece of work is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    /// Somebody waits for it.
    Call,
    /// It goes on while the server is away. One at a time.
    Probe,
}

/// Room for one connection.
#[derive(Default)]
pub(super) struct Slot {
    held: Option<Held>,
}

struct Held {
    conn: TimedConn,
    era: u64,
}

impl Slot {
    /// Puts the first connection of a program in, which was made outside of [`Link::run`].
    pub(super) fn holding(conn: Conn) -> Self {
        let conn = TimedConn::new(conn, Instant::now());
        Self { held: Some(Held { conn, era: 0 }) }
    }
}

impl Link {
    pub(super) fn new(target: &Target) -> Self {
        Self {
            opts: target.opts().into(),
            knock: target.opts().read_timeout(Some(CONNECT_WITHIN)).into(),
            broken: AtomicBool::default(),
            era: AtomicU64::default(),
        }
    }

    pub(super) fn connect(&self) -> Result<Conn, mysql::Error> {
        if self.is_broken() {
            // Somebody may take connections for a server that does not hear of them.
            Conn::new(self.knock.clone())?;
        }
        Conn::new(self.opts.clone())
    }

    /// Whether the server is away.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    /// Does `work` on the slot's connection, which `prepare` prepares when it is a new one. Work
    /// that found the connection dead is done again, once, on a new one. Nothing begins after
    /// `until`, and a server that stops answering is given up 2 s later.
    pub(super) fn run<R>(
        &self,
        slot: &mut Slot,
        (errand, until): (Errand, Instant),
        mut prepare: impl FnMut(&mut TimedConn) -> Result<(), Failure>,
        mut work: impl FnMut(&mut TimedConn) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        if self.is_broken() && errand == Errand::Call {
            let why = "the database does not answer; the next attempt is a moment away";
            return Err(Failure::Refused(why.to_owned()));
        }
        let era = self.era.load(Ordering::Relaxed);
        if let Some(held) = slot.held.take_if(|held| held.era != era) {
            held.conn.discard();
        }
        if Instant::now() >= until {
            return Err(Failure::Late);
        }
        let mut report = Report { link: self, answered: false };
        loop {
            let reused = slot.held.is_some();
            let result = self.attempt(slot, (era, until), &mut prepare, &mut work);
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
        (era, until): (u64, Instant),
        prepare: &mut impl FnMut(&mut TimedConn) -> Result<(), Failure>,
        work: &mut impl FnMut(&mut TimedConn) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        // Taken out, so that a panic in between leaves no connection with half a conversation.
        let mut held = match slot.held.take() {
            Some(mut held) => {
                held.conn.set_until(until);
                held
            }
            // It would end after the last statement may.
            None if Instant::now() + CONNECT_WITHIN > until => {
                return Err(Failure::Lost("no time to connect".to_owned(), Again::No));
            }
            None => {
                let mut conn = TimedConn::new(self.connect().map_err(unreachable)?, until);
                prepare(&mut conn)?;
                Held { conn, era }
            }
        };
        let result = work(&mut held.conn);
        match result {
            // The server ends its transaction with it.
            Err(Failure::Lost(..) | Failure::Late) => held.conn.discard(),
            _ => slot.held = Some(held),
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
        other @ (Failure::Damaged(_) | Failure::Late) => other,
    }
}

/// Tells the breaker how a call ended, also when it panicked.
struct Report<'a> {
    link: &'a Link,
    answered: bool,
}

impl Drop for Report<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.link.era.fetch_add(1, Ordering::Relaxed);
        }
        self.link.broken.store(!self.answered, Ordering::Relaxed);
    }
}

/// Carries out `work` in a transaction. When that fails, it is rolled back, unless the connection
/// is gone, or goes, and the transaction with it.
pub(super) fn transaction<R>(
    conn: &mut TimedConn,
    begin: &str,
    work: impl FnOnce(&mut TimedConn) -> Result<R, Failure>,
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
        Err(lost @ (Failure::Lost(..) | Failure::Late)) => Err(lost),
        Err(failure) => {
            conn.query_drop("ROLLBACK")?;
            Err(failure)
        }
    }
}

/// Reads under way at once; more wait for one to end.
const READERS: usize = 4;

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
        work: impl FnMut(&mut TimedConn) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        let until = Instant::now() + BEGIN_WITHIN;
        let busy = |_| Failure::Refused("too many reads are under way".to_owned());
        let slot = self.take.recv_deadline(until).map_err(busy)?;
        let mut loan = Loan { slot, readers: self };
        link.run(&mut loan.slot, (Errand::Call, until), |_| Ok(()), work)
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
