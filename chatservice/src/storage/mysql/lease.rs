//! One server at a time: the right to use a database that no other node may use at once. It is a
//! named lock that the writing connection holds, so that nothing is committed without it, and that
//! ends with this connection however the server ends. Nothing has to be cleaned up.

use std::sync::atomic::{AtomicBool, Ordering};

use mysql::prelude::Queryable;

use super::failure::Failure;

/// Whether other servers may use the database at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// No. Without a bus they would not know of each other's sessions.
    Exclusive,
    /// Yes.
    Shared,
}

/// See the module.
pub(super) struct Lease {
    sharing: Sharing,
    /// Somebody else was found to hold it: nothing is read or written until it is ours again.
    denied: AtomicBool,
}

/// A server that vanished without closing its connections loses the lease after this many seconds
/// of silence; a living one says something several times a second.
const SILENCE: &str = "SET SESSION wait_timeout = 20";
/// What it shares with others is given free sooner: the rows that a transaction under way has
/// locked, for which they wait. One that was stopped for longer begins its transaction anew.
const SHARED_SILENCE: &str = "SET SESSION wait_timeout = 3";
/// The name holds the database's: such locks belong to the whole server. Waits for a moment, in
/// which the server may notice that a connection has ended.
const TAKE: &str = "SELECT GET_LOCK(CONCAT('ChatServer lease ', MD5(DATABASE())), 1)";

impl Lease {
    pub(super) fn new(sharing: Sharing) -> Self {
        Self { sharing, denied: AtomicBool::new(false) }
    }

    /// Prepares a new connection for writing; whether it may be used for that.
    pub(super) fn take(&self, conn: &mut impl Queryable) -> Result<bool, mysql::Error> {
        if self.sharing == Sharing::Shared {
            conn.query_drop(SHARED_SILENCE)?;
            return Ok(true);
        }
        conn.query_drop(SILENCE)?;
        let taken = conn.query_first::<Option<i64>, _>(TAKE)?.flatten() == Some(1);
        if self.denied.swap(!taken, Ordering::Relaxed) == taken {
            match taken {
                true => log::warn!("the database is ours again"),
                false => log::error!("another server has taken the database: refusing all work"),
            }
        }
        Ok(taken)
    }

    /// As [`Self::take`], in words of a store.
    pub(super) fn require(&self, conn: &mut impl Queryable) -> Result<(), Failure> {
        if self.take(conn)? { Ok(()) } else { self.check() }
    }

    /// Fails while somebody else holds it.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.denied.load(Ordering::Relaxed) {
            return Err(Failure::Refused("another server is using the database".to_owned()));
        }
        Ok(())
    }
}
