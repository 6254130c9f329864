//! Two ChatServers with the Redis and the MariaDB that they share.

use crate::accounts::{self, Style};
use crate::player::Player;
use crate::turn::Member;
use std::io;
use std::net::TcpStream;
use std::ops::Range;
use std::path::Path;
use testbed::{Launch, MariaDb, Node, Redis};

/// Killed when dropped, the nodes first.
pub(super) struct ChatServers {
    first: Node,
    second: Node,
    redis: Redis,
    mariadb: MariaDb,
}

impl ChatServers {
    /// Starts everything on empty folders; panics with the end of a log if something does not.
    pub(super) fn start(program: &Path, threads: u16) -> Self {
        let mariadb = MariaDb::start();
        let redis = Redis::start();
        let launch = Launch::new()
            .program(program)
            .flag("--threads", threads)
            .flag("--mysql", mariadb.database().url())
            .flag("--redis", redis.url());
        let first = Node::start(launch.clone());
        Self { first, second: Node::start(launch), redis, mariadb }
    }

    pub(super) fn members(&self) -> [Member; 4] {
        [
            ("first", self.first.pid()),
            ("second", self.second.pid()),
            ("Redis", self.redis.pid()),
            ("MariaDB", self.mariadb.pid()),
        ]
        .map(|(name, pid)| Member { name, pid })
    }

    /// Players on accounts with these numbers, neighbours being partners on different nodes.
    pub(super) fn players(
        &self,
        numbers: Range<usize>,
        in_flight: u64,
    ) -> io::Result<Vec<(TcpStream, Player)>> {
        let addresses = [self.first.address(), self.second.address()];
        accounts::players(&addresses, numbers, in_flight, Style::Original)
    }
}
