//! The real program with `--mysql`, against a real database server.

mod away;
mod errors;

use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::support::{Account, Database, Launch, MariaDb, TestServer, wait_until};

pub(crate) fn launch(database: &Database) -> Launch {
    Launch::new().flag("--mysql", database.url())
}

fn start() -> (TestServer, Database) {
    let database = MariaDb::shared().database();
    (TestServer::start(launch(&database)), database)
}

#[test]
fn people_talk_alone_and_in_groups() {
    let (server, database) = start();
    let [ann, bob] = server.accounts();
    let mut one = server.acking(&ann);
    let mut other = server.acking(&bob);
    assert_eq!(one.request(json!({"msgid": 1006, "friendid": bob.id}))["errno"], 0);
    let create = json!({"msgid": 1007, "groupname": "爬山", "groupdesc": "周四"});
    let group = one.request(create)["groupid"].as_i64().unwrap();
    assert_eq!(other.request(json!({"msgid": 1008, "groupid": group}))["errno"], 0);
    let mid = one.say(bob.id, "你好 👋");
    assert_eq!(other.acknowledged_pushes(1)[0]["msg"], "你好 👋");
    assert_eq!(one.settled(&mid), "delivered");
    one.say_to_group(group, "to all");
    assert_eq!(other.acknowledged_pushes(1)[0]["groupid"], group);
    let again = server.logged_in(&{
        one.logout();
        ann.login()
    });
    let greeting = again.greeting.to_string();
    assert!(greeting.contains(&bob.name) && greeting.contains("爬山"), "{greeting}");
    assert!(!server.data().exists(), "the embedded store is not touched");
    assert!(server.stdout().contains(database.name()) && !server.stdout().contains("s3cret"));
}

#[test]
fn who_is_offline_finds_the_messages_after_a_restart_and_after_a_kill() {
    let (mut server, _database) = start();
    let [ann, bob] = server.accounts();
    let mut sender = server.original(&ann);
    for n in 0..300 {
        assert_eq!(sender.chat(bob.id, &n.to_string()), "stored");
        match n {
            100 => assert!(server.terminate().success()),
            200 => server.kill9(),
            _ => continue,
        }
        server.restart();
        sender = server.original(&ann);
    }
    let mut recipient = server.acking(&bob);
    for (n, push) in recipient.acknowledged_pushes(300).iter().enumerate() {
        assert_eq!(push["msg"], n.to_string());
    }
    recipient.logout();
    let mut recipient = server.acking(&bob);
    assert_eq!(recipient.fence().len(), 0, "what was acknowledged is gone");
}

#[test]
fn of_two_servers_that_start_at_once_one_runs_and_the_other_says_why_not() {
    let database = MariaDb::shared().database();
    let outputs: Vec<_> = thread::scope(|scope| {
        let start = || scope.spawn(|| errors::try_to_run(&database.url(), Duration::from_secs(12)));
        let both = [start(), start()];
        both.map(|server| server.join().unwrap()).into_iter().collect()
    });
    let refused: Vec<_> = outputs.iter().filter_map(|output| output.as_ref()).collect();
    assert_eq!(refused.len(), 1, "{outputs:?}");
    let text = String::from_utf8_lossy(&refused[0].stderr);
    assert!(text.contains("another server is using"), "{text}");
}

#[test]
fn everybody_of_the_original_server_logs_in_and_has_the_messages() {
    let database = crate::mysql_store::original();
    let server = TestServer::start(launch(&database));
    let account = |id, name: &str, password: &str| Account {
        id,
        name: name.to_owned(),
        password: password.to_owned(),
    };
    let people = [
        account(13, "zhang san", "123456"),
        account(15, "李四", "密码 666"),
        account(16, "Müller", "with'quote"),
        account(21, "$argon", "$ecret"),
    ];
    let hashed = "SELECT COUNT(*) FROM User WHERE password LIKE '$argon2id$%'";
    for (before, person) in people.iter().enumerate() {
        assert_eq!(database.number(hashed), before as i64);
        let wrong = json!({"msgid": 1000, "id": person.id, "password": "wrong"});
        let mut stranger = server.connect();
        stranger.send(&wrong);
        assert_eq!(stranger.expect(1001)["errno"], 1);
        let client = server.original(person);
        assert_eq!(client.greeting["name"], person.name.as_str());
        drop(client);
        assert_eq!(database.number(hashed), before as i64 + 1, "replaced then and there");
        if person.id != 15 {
            server.original(person);
        }
    }
    let mut nobody = server.connect();
    nobody.send(&json!({"msgid": 1000, "id": 19, "password": "NULL"}));
    assert_eq!(nobody.expect(1001)["errno"], 1, "an account without password");
}

#[test]
fn messages_of_the_original_server_arrive_once() {
    let database = crate::mysql_store::original();
    let server = TestServer::start(launch(&database));
    let login = json!({"msgid": 1000, "id": 15, "password": "密码 666", "ack": true});
    let mut client = server.logged_in(&login);
    let pushes = client.acknowledged_pushes(3);
    let texts: Vec<_> = pushes.iter().map(|push| push["msg"].as_str().unwrap()).collect();
    assert_eq!(texts, ["hello >_<", "你好，李四", "hello >_<"]);
    let mids: Vec<_> = pushes.iter().map(|push| push["mid"].as_str().unwrap()).collect();
    assert_eq!(mids, ["row-1", "row-2", "row-4"]);
    client.logout();
    wait_until("the rows are gone", Duration::from_secs(5), || {
        database.number("SELECT COUNT(*) FROM OfflineMessage WHERE userid = 15") == 0
    });
}
