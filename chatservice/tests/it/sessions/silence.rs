//! Pings, and what becomes of connections that say nothing.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::support::{Client, Incoming, Launch, TestServer};

/// Reads until the server closes; how long that took and which msgids came before it.
fn wait_for_close(client: &mut Client, since: Instant) -> (Duration, Vec<i64>) {
    let told = client.expect_closed();
    let msgids = told.iter().filter_map(|object| object["msgid"].as_i64()).collect();
    (since.elapsed(), msgids)
}

#[test]
fn a_ping_gets_a_pong() {
    let server = TestServer::shared();
    let account = server.account();
    for mut client in [server.original(&account), server.acking(&server.account())] {
        for _ in 0..10 {
            client.send(&json!({"msgid": 1012}));
            assert_eq!(client.next(), json!({"msgid": 1013}));
        }
        client.send_bytes("{\"msgid\":1012}".repeat(1000).as_bytes());
        for _ in 0..1000 {
            assert_eq!(client.next(), json!({"msgid": 1013}));
        }
    }
}

#[test]
fn a_pong_that_nobody_asked_for_does_nothing() {
    let server = TestServer::shared();
    let account = server.account();
    let mut client = server.original(&account);
    client.send(&json!({"msgid": 1013}));
    assert!(client.fence().is_empty());
}

#[test]
fn a_silent_ack_client_is_asked_and_then_closed() {
    let server = TestServer::with(&[("--ping-after-ms", 300), ("--silence-ms", 900)]);
    let [first, second, third] = server.accounts();
    let mut original = server.original(&first);
    let mut answering = server.acking(&third);
    let since = Instant::now();
    let mut silent = server.acking(&second);
    assert_eq!(silent.next(), json!({"msgid": 1012}));
    let asked = since.elapsed();
    assert!(asked >= Duration::from_millis(280), "asked after {asked:?}");
    // The answering one answers whenever it is asked, until the silent one is closed.
    let mut asked = 0;
    let (after, msgids) = thread::scope(|scope| {
        let closed = scope.spawn(|| wait_for_close(&mut silent, since));
        while !closed.is_finished() {
            match answering.receive(Duration::from_millis(20)) {
                Incoming::Object(object) => {
                    assert_eq!(object, json!({"msgid": 1012}));
                    answering.send(&json!({"msgid": 1013}));
                    asked += 1;
                }
                Incoming::Closed => answering.fail("closed although it answered"),
                Incoming::Nothing => {}
            }
        }
        closed.join().expect("the silent one is closed")
    });
    assert!(asked >= 2, "asked {asked} times in {after:?}");
    assert!(after >= Duration::from_millis(880), "closed after {after:?}");
    assert!(msgids.iter().all(|msgid| [1012, 1014].contains(msgid)), "{msgids:?}");
    assert!(original.fence().is_empty(), "an original client is not asked");
    assert_eq!(server.connect().request(second.login())["errno"], 0, "silent means offline");
}

#[test]
fn whoever_talks_is_not_asked() {
    let server = TestServer::with(&[("--ping-after-ms", 400), ("--silence-ms", 800)]);
    let account = server.account();
    let mut client = server.acking(&account);
    let since = Instant::now();
    while since.elapsed() < Duration::from_millis(1200) {
        client.send(&json!({"msgid": 1006, "friendid": -1}));
        let answer = client.next();
        assert_eq!(answer["errno"], 103, "{answer}");
        assert!(matches!(client.receive(Duration::from_millis(50)), Incoming::Nothing));
    }
}

#[test]
fn a_server_that_was_stopped_does_not_take_it_for_silence() {
    let server = TestServer::with(&[("--ping-after-ms", 300), ("--silence-ms", 900)]);
    let accounts = server.accounts::<10>();
    let mut clients: Vec<Client> = accounts.iter().map(|account| server.acking(account)).collect();
    server.freeze();
    for client in &mut clients {
        client.send(&json!({"msgid": 1006, "friendid": -1}));
    }
    thread::sleep(Duration::from_millis(1500));
    server.signal(Signal::CONT);
    for client in &mut clients {
        assert_eq!(client.expect(1010)["errno"], 103);
        client.fence();
    }
}

#[test]
fn who_does_not_log_in_is_closed() {
    let server = TestServer::with(&[("--login-within-ms", 500)]);
    let account = server.account();
    let since = Instant::now();
    let mut mute = server.connect();
    let mut slow = server.connect();
    let mut guessing = server.connect();
    let mut logged_in = server.original(&account);
    // Neither bytes nor a refused login put the deadline off.
    let guess = json!({"msgid": 1000, "id": account.id, "password": "guess"});
    assert_eq!(guessing.request(guess)["errno"], 1);
    while since.elapsed() < Duration::from_millis(300) {
        slow.send_bytes(b" ");
        thread::sleep(Duration::from_millis(20));
    }
    for client in [&mut mute, &mut slow, &mut guessing] {
        let (after, _) = wait_for_close(client, since);
        assert!(after >= Duration::from_millis(450), "closed after {after:?}");
        assert!(after < Duration::from_secs(5), "closed after {after:?}");
    }
    assert!(logged_in.fence().is_empty());
    assert_eq!(logged_in.chat(account.id, "stays"), "delivered");
}

#[test]
fn requests_that_are_no_login_do_not_put_the_deadline_off() {
    let server = TestServer::with(&[("--login-within-ms", 500)]);
    let since = Instant::now();
    let mut registering = server.connect();
    while registering.tries_to_register() {
        assert!(since.elapsed() < Duration::from_secs(3), "not logged in and not closed");
        thread::sleep(Duration::from_millis(50));
    }
    assert!(since.elapsed() > Duration::from_millis(450), "closed after {:?}", since.elapsed());
}

#[test]
fn a_login_that_waits_for_its_hash_has_no_deadline() {
    let launch = Launch::new().flag("--password-kib", 65_536).flag("--login-within-ms", 400);
    let server = TestServer::start(launch);
    let since = Instant::now();
    // Too many hashes at once for the deadline.
    let mut clients: Vec<Client> = (0..16).map(|_| server.connect()).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.send(&json!({"msgid": 1003, "name": format!("u{n}"), "password": "p"}));
    }
    let ids: Vec<i64> = clients
        .iter_mut()
        .map(|client| client.expect(1004)["id"].as_i64().expect("registered"))
        .collect();
    assert!(since.elapsed() > Duration::from_millis(500), "the hashes were too fast to tell");
    let since = Instant::now();
    let mut clients: Vec<Client> = ids.iter().map(|_| server.connect()).collect();
    for (client, id) in clients.iter_mut().zip(&ids) {
        client.send(&json!({"msgid": 1000, "id": id, "password": "p"}));
    }
    for client in &mut clients {
        assert_eq!(client.expect(1001)["errno"], 0);
    }
    assert!(since.elapsed() > Duration::from_millis(500), "the hashes were too fast to tell");
}
