//! At most 256 pushed objects are in flight; the rest waits.

use super::{numbered, texts};
use crate::support::{Client, TestServer};

const WINDOW: usize = 256;

/// Fails unless nothing more is on its way to `client`.
fn assert_full(client: &mut Client) {
    assert_eq!(client.fence(), [] as [serde_json::Value; 0], "more than the window is in flight");
}

/// Takes everything window by window; fails unless it is `expected`, once, in order.
fn drain(client: &mut Client, expected: &[String]) {
    let mut taken = 0;
    while taken < expected.len() {
        let count = WINDOW.min(expected.len() - taken);
        let pushes = client.pushes(count);
        assert_eq!(texts(&pushes), expected[taken..taken + count]);
        assert_full(client);
        taken += count;
        client.acknowledge(taken as u64);
    }
    assert_full(client);
}

#[test]
fn a_thousand_live_messages_come_window_by_window() {
    let server = TestServer::with(&[("--patience-ms", 200)]);
    let [me, other] = server.accounts();
    let mut sender = server.original(&me);
    let mut recipient = server.acking(&other);
    let all = numbered("live", 1000);
    let mids: Vec<String> = all.iter().map(|text| sender.say(other.id, text)).collect();
    // The server has taken over all of them, and pushed what it will push without a word.
    for mid in &mids {
        assert_eq!(sender.settled(mid), "stored");
    }
    drain(&mut recipient, &all);
    recipient.logout();
    let mut recipient = server.acking(&other);
    sender.say(other.id, "marker");
    assert_eq!(recipient.next()["msg"], "marker");
}

#[test]
fn a_thousand_waiting_messages_come_window_by_window() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut sender = server.original(&me);
    let all = numbered("waiting", 1000);
    let mids: Vec<String> = all.iter().map(|text| sender.say(other.id, text)).collect();
    for mid in &mids {
        assert_eq!(sender.settled(mid), "stored");
    }
    let mut recipient = server.acking(&other);
    drain(&mut recipient, &all);
    recipient.logout();
    let mut recipient = server.acking(&other);
    sender.say(other.id, "marker");
    assert_eq!(recipient.next()["msg"], "marker");
}

#[test]
fn the_window_moves_with_each_acknowledgement() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut sender = server.original(&me);
    for text in numbered("waiting", 300) {
        sender.say(other.id, &text);
    }
    assert_eq!(sender.chat(other.id, "the last"), "stored");
    let mut recipient = server.acking(&other);
    recipient.pushes(WINDOW);
    assert_full(&mut recipient);
    for seq in 1..=45 {
        recipient.acknowledge(seq);
        assert_eq!(recipient.push()["seq"], WINDOW as u64 + seq);
        assert!(seq % 9 != 0 || recipient.fence().is_empty());
    }
    recipient.acknowledge(301);
    assert_full(&mut recipient);
}

#[test]
fn leaving_in_the_middle_loses_and_doubles_nothing() {
    let server = TestServer::with(&[("--patience-ms", 200)]);
    let [me, other] = server.accounts();
    let mut sender = server.original(&me);
    let all = numbered("n", 1000);
    let mut taken = 0;
    let mut recipient = server.acking(&other);
    for text in &all {
        sender.say(other.id, text);
    }
    while taken < all.len() {
        let count = 100.min(all.len() - taken);
        let pushes = recipient.pushes(count);
        assert_eq!(texts(&pushes), all[taken..taken + count]);
        recipient.acknowledge(count as u64);
        taken += count;
        recipient.logout();
        recipient = server.acking(&other);
    }
    sender.say(other.id, "marker");
    assert_eq!(recipient.next()["msg"], "marker");
}
