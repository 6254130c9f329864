//! Online is what is true now.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Account, Client, TestServer};

/// How long the server may take to notice what the kernel knows already.
const AT_ONCE: Duration = Duration::from_secs(1);

/// How long after `gone` the account was free.
fn free_after(server: &TestServer, account: &Account) -> Duration {
    let gone = Instant::now();
    loop {
        let mut client = server.connect();
        let answer = client.request(account.login());
        match answer["errno"].as_i64() {
            Some(0) => {
                client.logout();
                return gone.elapsed();
            }
            Some(2) => assert!(gone.elapsed() < Duration::from_secs(5), "locked out"),
            _ => panic!("{answer}"),
        }
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn whoever_left_is_offline_at_once() {
    let server = TestServer::shared();
    let account = server.account();
    let ways: [fn(Client); 5] = [
        |client| drop(client),
        Client::reset,
        |mut client| client.logout(),
        |mut client| {
            client.send_bytes(b"{\"msgid\":10");
            drop(client);
        },
        |mut client| {
            client.send_bytes(b"garbage");
            client.expect_closed();
        },
    ];
    for (way, leave) in ways.iter().enumerate() {
        for ack in [false, true] {
            for _ in 0..5 {
                let client = if ack { server.acking(&account) } else { server.original(&account) };
                leave(client);
                let after = free_after(server, &account);
                assert!(after < AT_ONCE, "way {way}: free after {after:?}");
            }
        }
    }
}

#[test]
fn a_half_closed_connection_is_offline_too() {
    let server = TestServer::shared();
    let account = server.account();
    let mut client = server.original(&account);
    client.shutdown_write();
    client.expect_closed();
    assert!(free_after(server, &account) < AT_ONCE);
}

#[test]
fn whoever_left_with_messages_in_flight_is_offline_at_once() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut sender = server.original(&me);
    for _ in 0..10 {
        let recipient = server.acking(&other);
        for n in 0..20 {
            sender.say(other.id, &n.to_string());
        }
        recipient.reset();
        assert!(free_after(server, &other) < AT_ONCE);
    }
}

fn states(greeting: &Value) -> Vec<(i64, String)> {
    let friends = greeting["friends"].as_array().cloned().unwrap_or_default();
    let state = |entry: &Value| {
        let friend: Value = serde_json::from_str(entry.as_str().unwrap()).unwrap();
        (friend["id"].as_i64().unwrap(), friend["state"].as_str().unwrap().to_owned())
    };
    friends.iter().map(state).collect()
}

#[test]
fn the_lists_tell_who_is_online_now() {
    let server = TestServer::shared();
    let [me, friend] = server.accounts();
    let mut client = server.original(&me);
    assert_eq!(client.request(json!({"msgid": 1006, "friendid": friend.id}))["errno"], 0);
    for _ in 0..5 {
        client.logout();
        client = server.original(&me);
        assert_eq!(states(&client.greeting), [(friend.id, "offline".to_owned())]);
        let mut other = server.acking(&friend);
        client.logout();
        client = server.original(&me);
        assert_eq!(states(&client.greeting), [(friend.id, "online".to_owned())]);
        other.logout();
    }
}

#[test]
fn a_connection_that_came_and_went_without_a_login_disturbs_nobody() {
    let server = TestServer::shared();
    let account = server.account();
    let mut client = server.original(&account);
    for _ in 0..50 {
        let mut stranger = server.connect();
        stranger.send(&account.login());
        assert_eq!(stranger.next()["errno"], 2);
        stranger.reset();
        server.connect().reset();
    }
    assert_eq!(client.chat(account.id, "still here"), "delivered");
    assert_eq!(client.push()["msg"], "still here");
}
