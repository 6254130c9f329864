//! SIGTERM and SIGINT: a goodbye, everything owed in the store, status 0, promptly.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Client, Launch, TestServer};

/// Fails unless `client` is told 111 and closed; the goodbye and what stood before it.
fn goodbye(client: &mut Client) -> (Value, Vec<Value>) {
    let mut told = client.expect_closed();
    let goodbye = told.pop().unwrap_or_else(|| client.fail("closed without a goodbye"));
    assert_eq!((&goodbye["msgid"], &goodbye["errno"]), (&1014.into(), &111.into()), "{told:?}");
    assert!(goodbye["errmsg"].is_string(), "{goodbye}");
    assert!(goodbye["retry_ms"].is_u64(), "{goodbye}");
    (goodbye, told)
}

fn ends_cleanly_on(signal: Signal) {
    let mut server = TestServer::start(Launch::new());
    let accounts = server.accounts::<24>();
    let mut clients: Vec<Client> = Vec::new();
    for (n, account) in accounts.iter().enumerate() {
        clients.push(if n % 2 == 0 { server.acking(account) } else { server.original(account) });
    }
    clients.push(server.connect());
    clients.last_mut().expect("just pushed").fence_by_register();
    let since = Instant::now();
    server.signal(signal);
    let retries: HashSet<u64> =
        clients.iter_mut().filter_map(|client| goodbye(client).0["retry_ms"].as_u64()).collect();
    assert!(retries.len() > 5, "all are told to come back at once: {retries:?}");
    let status = server.wait();
    assert_eq!(status.code(), Some(0), "{status:?}");
    assert!(since.elapsed() < Duration::from_secs(4), "took {:?}", since.elapsed());
    server.restart();
    for account in &accounts {
        assert_eq!(server.connect().request(account.login())["errno"], 0);
    }
}

#[test]
fn sigterm_ends_it_cleanly() {
    ends_cleanly_on(Signal::TERM);
}

#[test]
fn sigint_ends_it_cleanly() {
    ends_cleanly_on(Signal::INT);
}

#[test]
fn without_clients_it_ends_at_once() {
    let mut server = TestServer::start(Launch::new());
    let since = Instant::now();
    assert_eq!(server.terminate().code(), Some(0));
    assert!(since.elapsed() < Duration::from_secs(2), "took {:?}", since.elapsed());
}

#[test]
fn what_was_pushed_but_not_acknowledged_is_stored() {
    let mut server = TestServer::start(Launch::new());
    let [me, other, third] = server.accounts();
    let mut sender = server.original(&me);
    let mut recipient = server.acking(&other);
    let mut beyond = server.acking(&third);
    let mids: Vec<String> = (0..100).map(|n| sender.say(other.id, &n.to_string())).collect();
    // More than the window of somebody else, so that some were not even pushed.
    let more: Vec<String> = (0..400).map(|n| sender.say(third.id, &n.to_string())).collect();
    recipient.pushes(100);
    beyond.pushes(256);
    recipient.acknowledge(30);
    for mid in &mids[..30] {
        assert_eq!(sender.settled(mid), "delivered");
    }
    server.signal(Signal::TERM);
    let (_, told) = goodbye(&mut sender);
    for mid in mids[30..].iter().chain(&more) {
        // The sender may have been sent away before its answer; a refusal would be wrong.
        let answer = told.iter().find(|answer| answer["mid"] == mid.as_str());
        assert!(answer.is_none_or(|answer| answer["errno"] == 0), "{answer:?}");
    }
    goodbye(&mut recipient);
    goodbye(&mut beyond);
    assert_eq!(server.wait().code(), Some(0));
    server.restart();
    let mut sender = server.original(&me);
    for (account, first, last) in [(&other, 30, 100), (&third, 0, 400)] {
        let mut recipient = server.acking(account);
        for n in first..last {
            assert_eq!(recipient.acknowledged_pushes(1)[0]["msg"], n.to_string());
        }
        recipient.logout();
        sender.chat(account.id, "marker");
        assert_eq!(server.acking(account).next()["msg"], "marker");
    }
}

#[test]
fn a_client_that_does_not_read_does_not_hold_it_up() {
    let mut server = TestServer::start(Launch::new().flag("--drain-ms", 1000));
    let [me, other] = server.accounts();
    let mut sender = server.original(&me);
    let slow = server.original(&other);
    slow.shrink_receive_buffer();
    let text = "x".repeat(30_000);
    for _ in 0..200 {
        sender.say(other.id, &text);
    }
    sender.fence();
    let since = Instant::now();
    assert_eq!(server.terminate().code(), Some(0));
    assert!(since.elapsed() < Duration::from_secs(6), "took {:?}", since.elapsed());
    drop(slow);
}

#[test]
fn a_second_signal_may_end_it_at_once_and_loses_nothing_that_was_answered() {
    let mut server = TestServer::start(Launch::new());
    let [me, other] = server.accounts();
    let mut sender = server.original(&me);
    assert_eq!(sender.chat(other.id, "kept"), "stored");
    server.signal(Signal::TERM);
    server.signal(Signal::INT);
    assert!(server.wait().code().is_some(), "a signal killed it");
    server.restart();
    assert_eq!(server.acking(&other).push()["msg"], "kept");
}

#[test]
fn a_hash_that_is_being_computed_does_not_hold_it_up() {
    let mut server = TestServer::start(Launch::new().flag("--password-kib", 65_536));
    let mut client = server.connect();
    for n in 0..20 {
        client.send(&json!({"msgid": 1003, "name": format!("u{n}"), "password": "p"}));
    }
    client.expect(1004);
    let since = Instant::now();
    assert_eq!(server.terminate().code(), Some(0));
    assert!(since.elapsed() < Duration::from_secs(8), "took {:?}", since.elapsed());
}
