//! A database server that is killed, frozen, or restarted under a running chat server.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::launch;
use crate::support::{Account, Client, MariaDb, TestServer, wait_until};

/// The 99th percentile of pings while `happens` happens. They are answered by loops alone.
fn p99_of_pings(server: &TestServer, account: &Account, happens: impl FnOnce()) -> Duration {
    let mut client = server.acking(account);
    client.fence();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let pings = scope.spawn(|| {
            let mut times = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let since = Instant::now();
                client.fence();
                times.push(since.elapsed());
                thread::sleep(Duration::from_millis(2));
            }
            times.sort_unstable();
            times[times.len() * 99 / 100]
        });
        happens();
        over.store(true, Ordering::Relaxed);
        pings.join().expect("every ping is answered")
    })
}

/// Sends `text` to somebody who is offline, once; the errno.
fn try_to_store(client: &mut Client, to: i64, mid: &str) -> Value {
    let chat = json!({"msgid": 1005, "toid": to, "msg": mid, "mid": mid});
    client.send(&chat);
    let limit = Duration::from_secs(15);
    client.find_within(limit, "an answer", |object| object["mid"] == mid)["errno"].clone()
}

/// Sends it again until it is stored; how long that took.
fn store(client: &mut Client, to: i64, mid: &str) -> Duration {
    let since = Instant::now();
    loop {
        match try_to_store(client, to, mid).as_i64() {
            Some(0) => return since.elapsed(),
            Some(106 | 107) => thread::sleep(Duration::from_millis(20)),
            other => client.fail(&format!("errno {other:?}")),
        }
        assert!(since.elapsed() < Duration::from_secs(20), "it stays away");
    }
}

#[test]
fn a_killed_database_server_is_missed_and_found_again() {
    let mut maria = MariaDb::start();
    let server = TestServer::start(launch(&maria.database()));
    let [ann, bob, cid] = server.accounts();
    let mut sender = server.acking(&ann);
    let mut stored = vec!["before".to_owned()];
    store(&mut sender, bob.id, "before");
    for round in 0..2 {
        let p99 = p99_of_pings(&server, &cid, || {
            maria.kill9();
            assert_eq!(try_to_store(&mut sender, bob.id, &format!("away {round}")), 107);
            let since = Instant::now();
            for n in 0..20 {
                assert_eq!(try_to_store(&mut sender, bob.id, &format!("away {round} {n}")), 107);
            }
            assert!(since.elapsed() < Duration::from_secs(5), "took {:?}", since.elapsed());
            let mut stranger = server.connect();
            stranger.send(&bob.login());
            assert_eq!(stranger.expect(1001)["errno"], 107);
            maria.restart();
            let mid = format!("back {round}");
            let took = store(&mut sender, bob.id, &mid);
            assert!(took < Duration::from_secs(5), "took {took:?}");
            stored.push(mid);
        });
        assert!(p99 < Duration::from_millis(50), "pings took {p99:?}");
    }
    wait_until("logins work again", Duration::from_secs(5), || {
        let mut client = server.connect();
        client.send(&bob.login_ack());
        client.expect(1001)["errno"] == 0
    });
    let mut recipient = server.logged_in(&{
        let mut login = bob.login_ack();
        login["force"] = json!(true);
        login
    });
    let pushes = recipient.acknowledged_pushes(stored.len());
    let texts: Vec<_> = pushes.iter().map(|push| push["msg"].as_str().unwrap()).collect();
    assert_eq!(texts, stored);
}

#[test]
fn those_who_are_online_do_not_notice() {
    let mut maria = MariaDb::start();
    let server = TestServer::start(launch(&maria.database()));
    let [ann, bob] = server.accounts();
    let (mut sender, mut recipient) = (server.acking(&ann), server.acking(&bob));
    for client in [&mut sender, &mut recipient] {
        client.fence();
    }
    // What the logins asked of the store is done when a write of theirs is.
    assert_eq!(recipient.request(json!({"msgid": 1006, "friendid": ann.id}))["errno"], 0);
    maria.kill9();
    for n in 0..100 {
        let mid = sender.say(bob.id, &n.to_string());
        assert_eq!(recipient.acknowledged_pushes(1)[0]["msg"], n.to_string());
        assert_eq!(sender.settled(&mid), "delivered");
    }
}

#[test]
fn a_frozen_database_server_blocks_nobody() {
    let maria = MariaDb::start();
    let server = TestServer::start(launch(&maria.database()));
    let [ann, bob, cid] = server.accounts();
    let mut sender = server.acking(&ann);
    store(&mut sender, bob.id, "before");
    let p99 = p99_of_pings(&server, &cid, || {
        maria.signal(Signal::STOP);
        let frozen = Instant::now();
        assert_eq!(try_to_store(&mut sender, bob.id, "frozen"), 107);
        assert!(frozen.elapsed() < Duration::from_secs(8), "took {:?}", frozen.elapsed());
        thread::sleep(Duration::from_secs(4).saturating_sub(frozen.elapsed()));
        maria.signal(Signal::CONT);
        let took = store(&mut sender, bob.id, "after");
        assert!(took < Duration::from_secs(5), "took {took:?}");
    });
    assert!(p99 < Duration::from_millis(50), "pings took {p99:?}");
    let mut recipient = server.acking(&bob);
    let mut texts: Vec<_> = recipient
        .acknowledged_pushes(2)
        .iter()
        .map(|push| push["msg"].as_str().unwrap().to_owned())
        .collect();
    if texts[1] == "frozen" {
        // It was refused, its outcome unknown: it may have been stored.
        texts[1] = recipient.acknowledged_pushes(1)[0]["msg"].as_str().unwrap().to_owned();
    }
    assert_eq!(texts, ["before", "after"]);
}

/// Somebody else got the database while the own connection was cut: nothing is read or written
/// until it is free again.
#[test]
fn a_database_that_somebody_else_has_taken_is_left_alone() {
    const NAME: &str = "CONCAT('ChatServer lease ', MD5(DATABASE()))";
    let maria = MariaDb::start();
    let database = maria.database();
    let server = TestServer::start(launch(&database));
    let [ann, bob] = server.accounts();
    let mut sender = server.acking(&ann);
    let mut thief = database.conn();
    let owner: u32 =
        thief.query_first(format!("SELECT IS_USED_LOCK({NAME})")).unwrap().expect("it is held");
    maria.root().query_drop(format!("KILL {owner}")).unwrap();
    let taken: i64 = thief.query_first(format!("SELECT GET_LOCK({NAME}, 1)")).unwrap().unwrap();
    assert_eq!(taken, 1);
    assert_eq!(try_to_store(&mut sender, bob.id, "not ours"), 107);
    let mut stranger = server.connect();
    stranger.send(&bob.login());
    assert_eq!(stranger.expect(1001)["errno"], 107, "reads are refused as well");
    assert!(server.log().contains("another server has taken the database"), "{}", server.log());
    drop(thief);
    let took = store(&mut sender, bob.id, "ours again");
    assert!(took < Duration::from_secs(5), "took {took:?}");
    assert_eq!(server.acking(&bob).push()["msg"], "ours again");
}
