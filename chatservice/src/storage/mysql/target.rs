//! Which database on which server, and how its connections behave.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use mysql::{Opts, OptsBuilder};

/// A server in the same network answers a connect in a millisecond, or is away.
pub(super) const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// The longest that a statement may take; above what it may wait for a lock, see [`SESSION`]. With
/// [`BEGIN_WITHIN`](super::link::BEGIN_WITHIN) it bounds a call.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// An upgrade rewrites whole tables, and may wait for another server that is at it.
const UPGRADE_WITHIN: Duration = Duration::from_secs(30 * 60);
/// A connection of which the other end vanished is found by the kernel after 10 + 3 × 3 s.
const KEEP_ALIVE_MS: u32 = 10_000;
const PROBE_SECS: u32 = 3;
const PROBES: u32 = 3;
/// Bytes that are sent and not acknowledged for so long end the connection.
const USER_TIMEOUT_MS: u32 = 5_000;
/// More than there are different statements in this module, in all their lengths.
const CACHED_STATEMENTS: usize = 256;
/// Of what is sent and received at once; told here so that no connection has to ask for it.
const PACKET_MAX: usize = 64 << 20;

/// What every session starts with. Rows are locked by hand, so that READ COMMITTED is enough: each
/// statement sees what was committed before it, and nothing locks gaps. A lock is waited for less
/// long than an answer. The server drops connections that nobody used for ten minutes.
const SESSION: [&str; 2] = [
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO',
         innodb_lock_wait_timeout = 1, wait_timeout = 600, autocommit = 1",
];

/// A URL that names no database that could be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must look like mysql://user:password@host:3306/database{0}")]
pub struct TargetError(&'static str);

/// `mysql://user:password@host:port/database`, percent-encoded where needed.
#[derive(Clone)]
pub struct Target {
    opts: Opts,
    user: String,
    database: String,
}

impl Target {
    /// Who logs in.
    pub(super) fn user(&self) -> &str {
        &self.user
    }

    /// The database's name.
    pub(super) fn database(&self) -> &str {
        &self.database
    }

    /// `host:port`.
    pub(super) fn server(&self) -> String {
        format!("{}:{}", self.opts.get_ip_or_hostname(), self.opts.get_tcp_port())
    }

    /// For reads and commits.
    pub(super) fn opts(&self) -> OptsBuilder {
        OptsBuilder::from_opts(self.opts.clone())
            // It would leave TCP for the server's socket behind one's back.
            .prefer_socket(false)
            .tcp_connect_timeout(Some(CONNECT_WITHIN))
            .read_timeout(Some(ANSWER_WITHIN))
            .write_timeout(Some(ANSWER_WITHIN))
            .tcp_nodelay(true)
            .tcp_keepalive_time_ms(Some(KEEP_ALIVE_MS))
            .tcp_keepalive_probe_interval_secs(Some(PROBE_SECS))
            .tcp_keepalive_probe_count(Some(PROBES))
            .tcp_user_timeout_ms(Some(USER_TIMEOUT_MS))
            .stmt_cache_size(CACHED_STATEMENTS)
            .max_allowed_packet(Some(PACKET_MAX))
            .init(SESSION.to_vec())
    }

    /// For the upgrade of the schema.
    pub(super) fn patient_opts(&self) -> OptsBuilder {
        let lasting = "SET SESSION innodb_lock_wait_timeout = 60, wait_timeout = 1800";
        self.opts().read_timeout(Some(UPGRADE_WITHIN)).init([&SESSION[..], &[lasting]].concat())
    }
}

impl FromStr for Target {
    type Err = TargetError;

    /// The error never holds the URL: a password may be in it.
    fn from_str(url: &str) -> Result<Self, TargetError> {
        if url.contains('?') {
            return Err(TargetError(", without parameters"));
        }
        let opts = Opts::from_url(url).map_err(|_| TargetError(""))?;
        let user = opts.get_user().unwrap_or_default().to_owned();
        let database = opts.get_db_name().unwrap_or_default().to_owned();
        if user.is_empty() {
            return Err(TargetError(", the user is missing"));
        }
        if database.is_empty() {
            return Err(TargetError(", the database is missing"));
        }
        Ok(Self { opts, user, database })
    }
}

impl fmt::Display for Target {
    /// As the URL, without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mysql://{}@{}/{}", self.user, self.server(), self.database)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_and_shown_without_its_password() {
        let target: Target = "mysql://ann:p%40ss@db.example:3307/chat".parse().unwrap();
        assert_eq!(target.to_string(), "mysql://ann@db.example:3307/chat");
        assert_eq!(format!("{target:?}"), target.to_string());
        assert_eq!(Opts::from(target.opts()).get_pass(), Some("p@ss"));
        let target: Target = "mysql://ann@localhost/chat".parse().unwrap();
        assert_eq!(target.server(), "localhost:3306");
    }

    #[test]
    fn what_is_missing_is_told_without_the_password() {
        let check = |url: &str, part: &str| {
            let error = url.parse::<Target>().err().map(|error| error.to_string()).unwrap();
            assert!(
                error.contains("mysql://user:password@host") && error.contains(part),
                "{error}"
            );
            assert!(!error.contains("secret"), "{error}");
        };
        check("mysql://localhost", "the user is missing");
        check("mysql://ann:secret@localhost", "the database is missing");
        check("mysql://ann:secret@localhost/", "the database is missing");
        check("mysql://ann:secret@localhost/chat?ssl=1", "parameters");
        check("postgres://ann:secret@localhost/chat", "must look like");
        check("ann:secret@localhost/chat", "must look like");
        check("mysql://ann:secret@localhost:port/chat", "must look like");
        check("", "must look like");
    }

    #[test]
    fn nothing_waits_for_ever() {
        let target: Target = "mysql://ann@localhost/chat".parse().unwrap();
        for opts in [target.opts(), target.patient_opts()] {
            let opts = Opts::from(opts);
            assert!(opts.get_read_timeout().is_some() && opts.get_write_timeout().is_some());
            assert!(opts.get_tcp_connect_timeout().is_some() && !opts.get_prefer_socket());
        }
    }
}
