//! Thousands who come at once wait their turn; none is refused.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Account, Client, Launch, TestServer};

const COUNT: usize = 2000;

/// Reads one answer from each client; each must be a success.
fn answers(clients: &mut [Client], msgid: i64) -> Vec<i64> {
    let mut take = |client: &mut Client| {
        let answer = client.expect(msgid);
        assert_eq!(answer["errno"], 0, "{answer}");
        answer["id"].as_i64().expect("a success has an id")
    };
    clients.iter_mut().map(&mut take).collect()
}

#[test]
fn two_thousand_registrations_then_two_thousand_logins_at_once() {
    let server = TestServer::start(Launch::new());
    let mut clients: Vec<Client> = (0..COUNT).map(|_| server.connect()).collect();
    let since = Instant::now();
    for (n, client) in clients.iter_mut().enumerate() {
        client.send(&json!({"msgid": 1003, "name": format!("u{n}"), "password": "p"}));
    }
    let ids = answers(&mut clients, 1004);
    println!("{COUNT} registrations in {:?}", since.elapsed());
    let since = Instant::now();
    for (client, id) in clients.iter_mut().zip(&ids) {
        client.send(&json!({"msgid": 1000, "id": id, "password": "p", "ack": true}));
    }
    assert_eq!(answers(&mut clients, 1001), ids);
    println!("{COUNT} logins in {:?}", since.elapsed());
    assert!(since.elapsed() < Duration::from_secs(30));
    // All of them are there: each says something to the next.
    for (at, client) in clients.iter_mut().enumerate() {
        client.say(ids[(at + 1) % COUNT], "hello");
    }
    for client in &mut clients {
        assert_eq!(client.acknowledged_pushes(1)[0]["msg"], "hello");
    }
}

#[test]
fn logins_and_registrations_of_many_kinds_at_once() {
    let server = TestServer::start(Launch::new());
    let accounts: Vec<Account> = {
        let mut client = server.connect();
        (0..300).map(|n| client.register(&format!("known {n}"))).collect()
    };
    let mut clients: Vec<Client> = (0..900).map(|_| server.connect()).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        let account = &accounts[n / 3];
        client.send(&match n % 3 {
            0 => account.login(),
            1 => json!({"msgid": 1000, "id": -1 - account.id, "password": account.password}),
            _ => json!({"msgid": 1003, "name": format!("new {n}"), "password": "p"}),
        });
    }
    for (n, client) in clients.iter_mut().enumerate() {
        let answer = client.next();
        let expected = if n % 3 == 1 { 1 } else { 0 };
        assert_eq!(answer["errno"], expected, "{answer}");
    }
}

#[test]
fn everybody_comes_back_at_once_after_a_restart() {
    let mut server = TestServer::start(Launch::new());
    let mut client = server.connect();
    let accounts: Vec<Account> = (0..500).map(|n| client.register(&format!("u{n}"))).collect();
    let tokens: Vec<String> =
        accounts.iter().map(|account| server.acking(account).token()).collect();
    server.kill9();
    server.restart();
    let mut clients: Vec<Client> = tokens.iter().map(|_| server.connect()).collect();
    for (client, token) in clients.iter_mut().zip(&tokens) {
        client.send(&json!({"msgid": 1000, "token": token, "ack": true}));
    }
    let ids: Vec<i64> = accounts.iter().map(|account| account.id).collect();
    assert_eq!(answers(&mut clients, 1001), ids);
}
