//! A connection on which no statement begins after a given time, so that a call of many statements
//! has an end even where each is answered slowly. A statement itself ends with its time-outs.

use std::io;
use std::thread;
use std::time::Instant;

use mysql::prelude::{AsStatement, Queryable};
use mysql::{Binary, Conn, Params, QueryResult, Statement, Text};

/// Why a statement was not even begun.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the call has taken too long already")]
pub(super) struct Overtime;

/// See the module.
pub(super) struct TimedConn {
    conn: Conn,
    until: Instant,
}

impl TimedConn {
    pub(super) fn new(conn: Conn, until: Instant) -> Self {
        Self { conn, until }
    }

    /// For the next call.
    pub(super) fn set_until(&mut self, until: Instant) {
        self.until = until;
    }

    pub(super) fn last_insert_id(&self) -> u64 {
        self.conn.last_insert_id()
    }

    pub(super) fn ping(&mut self) -> Result<(), mysql::Error> {
        self.check()?;
        self.conn.ping()
    }

    /// Ends a connection of which the other end may be silent. Its end takes leave of the server,
    /// and of each prepared statement, which would wait when nothing can be sent; until the
    /// kernel gives such a connection up, that is for seconds.
    pub(super) fn discard(self) {
        let builder = thread::Builder::new().name("store-discard".to_owned());
        if let Err(error) = builder.spawn(move || drop(self)) {
            log::debug!("a connection was ended on the spot: {error}");
        }
    }

    fn check(&self) -> Result<(), mysql::Error> {
        if Instant::now() < self.until { Ok(()) } else { Err(io::Error::other(Overtime).into()) }
    }
}

impl Queryable for TimedConn {
    fn query_iter<Q: AsRef<str>>(
        &mut self,
        query: Q,
    ) -> Result<QueryResult<'_, '_, '_, Text>, mysql::Error> {
        self.check()?;
        self.conn.query_iter(query)
    }

    fn prep<Q: AsRef<str>>(&mut self, query: Q) -> Result<Statement, mysql::Error> {
        self.check()?;
        self.conn.prep(query)
    }

    fn close(&mut self, statement: Statement) -> Result<(), mysql::Error> {
        self.check()?;
        self.conn.close(statement)
    }

    fn exec_iter<S, P>(
        &mut self,
        statement: S,
        params: P,
    ) -> Result<QueryResult<'_, '_, '_, Binary>, mysql::Error>
    where
        S: AsStatement,
        P: Into<Params>,
    {
        // To prepare it may take a round trip of its own.
        let statement = statement.as_statement(self)?;
        self.check()?;
        self.conn.exec_iter(&*statement, params)
    }

    fn exec_batch<S, P, I>(&mut self, statement: S, params: I) -> Result<(), mysql::Error>
    where
        Self: Sized,
        S: AsStatement,
        P: Into<Params>,
        I: IntoIterator<Item = P>,
    {
        let statement = statement.as_statement(self)?;
        params.into_iter().try_for_each(|params| self.exec_drop(&*statement, params))
    }
}
