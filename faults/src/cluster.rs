//! The parts of a cluster, each behind a fault proxy where something is to be cut.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use testbed::{Launch, MariaDb, Nginx, Node, Redis};

use crate::client::Entry;
use crate::proxy::FaultProxy;

/// How nodes hear of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    /// There is one node alone.
    Alone,
    /// Through Redis.
    Redis,
}

/// What is to be started.
#[derive(Clone, Debug)]
pub struct Shape {
    /// ChatServer processes; one when there is no bus.
    pub nodes: usize,
    /// What joins them.
    pub bus: Bus,
    /// The ChatServer.
    pub program: PathBuf,
}

/// A node and its ways to the others.
pub struct Member {
    /// The process.
    pub node: Node,
    /// Between it and Redis.
    pub redis: Option<FaultProxy>,
    /// Between it and MariaDB.
    pub mariadb: FaultProxy,
    /// Between it and some of its clients.
    pub clients: FaultProxy,
}

/// Everything, running. Dropping it ends all and leaves the logs in a folder.
pub struct Cluster {
    /// In front of the nodes.
    pub nginx: Nginx,
    /// The nodes.
    pub members: Vec<Member>,
    /// The bus.
    pub redis: Option<Redis>,
    /// The store.
    pub mariadb: MariaDb,
    logs: PathBuf,
}

impl Cluster {
    /// Starts everything and waits until it serves; logs are put into `logs` in the end.
    pub fn start(shape: &Shape, logs: &Path) -> io::Result<Self> {
        let mariadb = MariaDb::start();
        let database = mariadb.database();
        let redis = (shape.bus == Bus::Redis).then(Redis::start);
        let start = || -> io::Result<Member> {
            let to_mariadb = FaultProxy::start(SocketAddr::from(([127, 0, 0, 1], mariadb.port())))?;
            let redis =
                redis.as_ref().map(|redis| FaultProxy::start(redis.address())).transpose()?;
            let mut launch = Launch::new()
                .program(&shape.program)
                .flag("--mysql", database.url_at(to_mariadb.address().port()))
                .flag("--proxy-from", "127.0.0.1");
            if let Some(redis) = &redis {
                launch = launch.flag("--redis", Redis::url_at(redis.address().port()));
            }
            let node = Node::start(launch);
            let clients = FaultProxy::start(node.address())?;
            Ok(Member { node, redis, mariadb: to_mariadb, clients })
        };
        let members: io::Result<Vec<Member>> = (0..shape.nodes).map(|_| start()).collect();
        let members = members?;
        let nodes: Vec<SocketAddr> = members.iter().map(|member| member.node.address()).collect();
        let nginx = Nginx::of_the_project(&nodes);
        Ok(Self { nginx, members, redis, mariadb, logs: logs.to_owned() })
    }

    /// All ways in: each node straight and through its fault proxy, and nginx.
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries = vec![Entry {
            name: nginx_entry(),
            address: self.nginx.address(),
            behind_proxy: true,
            dies_in_silence: false,
        }];
        for (number, member) in self.members.iter().enumerate() {
            let [straight, proxied] = node_entries(number);
            for (name, address, dies_in_silence) in [
                (straight, member.node.address(), false),
                (proxied, member.clients.address(), true),
            ] {
                entries.push(Entry { name, address, behind_proxy: false, dies_in_silence });
            }
        }
        entries
    }

    fn keep_logs(&self) {
        let mut files = vec![
            (self.nginx.log_path(), "nginx.log".to_owned()),
            (self.mariadb.log_path(), "mariadb.log".to_owned()),
        ];
        files.extend(self.redis.iter().map(|redis| (redis.log_path(), "redis.log".to_owned())));
        for (number, member) in self.members.iter().enumerate() {
            files.push((member.node.log_path(), format!("node-{}.log", number + 1)));
        }
        for (from, name) in files {
            // A log that cannot be kept is missing for people only.
            let _ = fs::copy(from, self.logs.join(name));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.keep_logs();
    }
}

/// What the history calls the way through nginx.
pub fn nginx_entry() -> String {
    "nginx".to_owned()
}

/// What it calls the two ways to the node with this number, counted from 0.
pub fn node_entries(number: usize) -> [String; 2] {
    [format!("node {}", number + 1), format!("proxy {}", number + 1)]
}
