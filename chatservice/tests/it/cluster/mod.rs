//! Several nodes on one database and one Redis, from outside.

mod away;
mod nodes;
mod sessions;
mod talking;

use std::time::{Duration, Instant};

use serde_json::Value;
use testbed::Redis;

use crate::mysql;
use crate::support::{Account, Client, Database, Launch, MariaDb, TestServer};

/// Nodes that know each other.
struct Cluster {
    nodes: Vec<TestServer>,
    redis: Redis,
    launch: Launch,
    _database: Database,
}

impl Cluster {
    fn start(count: usize) -> Self {
        Self::on(MariaDb::shared(), count)
    }

    /// On the database server that the test disturbs.
    fn on(maria: &MariaDb, count: usize) -> Self {
        let database = maria.database();
        let redis = Redis::start();
        // As if nodes had used it for long: who is not found in it is known to be offline.
        redis.command("ZADD chat:nodes -1 since");
        let launch = mysql::launch(&database).flag("--redis", redis.url());
        let nodes = (0..count).map(|_| TestServer::start(launch.clone())).collect();
        Self { nodes, redis, launch, _database: database }
    }
}

/// Says it, and sees it acknowledged.
fn deliver(sender: &mut Client, recipient: &mut Client, id: i64, text: &str) {
    let mid = sender.say(id, text);
    assert_eq!(recipient.acknowledged_pushes(1)[0]["msg"], text);
    assert_eq!(sender.settled(&mid), "delivered");
}

/// Sends until it is taken, as often as it is refused for now; how long that took, and its state.
fn insist(client: &mut Client, to: i64, text: &str) -> (Duration, String) {
    let since = Instant::now();
    loop {
        let mid = client.say(to, text);
        let answer = client.find_within(Duration::from_secs(15), "an answer", |object| {
            object["msgid"] == 1010 && object["mid"] == mid.as_str()
        });
        match answer["errno"].as_i64() {
            Some(0) => {
                return (since.elapsed(), answer["state"].as_str().unwrap().to_owned());
            }
            Some(106 | 107) => std::thread::sleep(Duration::from_millis(50)),
            _ => client.fail(&format!("{answer}")),
        }
        assert!(since.elapsed() < Duration::from_secs(20), "it is never taken");
    }
}

/// The answer to a login that may be refused.
fn try_login(server: &TestServer, login: &Value) -> Value {
    let mut client = server.connect();
    client.send(login);
    client.expect(1001)
}

fn login_with_force(account: &Account) -> Value {
    let mut login = account.login_ack();
    login["force"] = true.into();
    login
}
