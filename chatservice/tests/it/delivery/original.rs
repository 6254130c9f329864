//! The original client: it acknowledges nothing; what the kernel took counts as delivered.

use serde_json::{Value, json};

use super::{numbered, texts};
use crate::support::{Account, Client, TestServer};

const LISTED_BYTES: usize = 60 * 1024;

/// Stores `all` for `recipient`.
fn store(recipient: &Account, all: &[String]) {
    let server = TestServer::shared();
    let mut sender = server.original(&server.account());
    let mids: Vec<String> = all.iter().map(|text| sender.say(recipient.id, text)).collect();
    for mid in &mids {
        assert_eq!(sender.settled(mid), "stored");
    }
}

/// The chat objects that the login answer lists, and their size in bytes.
fn listed(client: &Client) -> (Vec<Value>, usize) {
    let list = client.greeting["offlinemsg"].as_array().cloned().unwrap_or_default();
    let size = list.iter().map(|entry| entry.as_str().expect("a string").len()).sum();
    let decode = |entry: &Value| serde_json::from_str(entry.as_str().unwrap()).unwrap();
    (list.iter().map(decode).collect(), size)
}

/// Fails unless `recipient` gets exactly `expected` by listing and pushes, in order.
fn assert_received(recipient: &Account, expected: &[String]) -> usize {
    let server = TestServer::shared();
    let mut client = server.original(recipient);
    let (mut objects, size) = listed(&client);
    assert!(size <= LISTED_BYTES, "{size} bytes are listed");
    let count = objects.len();
    objects.extend(client.pushes(expected.len() - count));
    assert_eq!(texts(&objects), expected);
    assert!(client.fence().is_empty());
    client.logout();
    // Taken by the kernel: nothing is left for the next login.
    let client = server.original(recipient);
    assert!(client.greeting.get("offlinemsg").is_none(), "{}", client.greeting);
    count
}

#[test]
fn what_fits_is_listed_in_order() {
    let account = TestServer::shared().account();
    let all = numbered("short", 200);
    store(&account, &all);
    assert_eq!(assert_received(&account, &all), 200);
}

#[test]
fn what_does_not_fit_into_60_kib_follows_as_pushes() {
    let account = TestServer::shared().account();
    let all: Vec<String> = (0..150).map(|n| format!("{n} {}", "x".repeat(1000))).collect();
    store(&account, &all);
    let count = assert_received(&account, &all);
    assert!((40..=60).contains(&count), "{count} of about 1.1 KiB are listed");
}

#[test]
fn a_text_that_escapes_make_larger_is_counted_as_it_is_listed() {
    let account = TestServer::shared().account();
    let all: Vec<String> = (0..60).map(|n| format!("{n} {}", "\u{1}\"\\".repeat(300))).collect();
    store(&account, &all);
    assert_received(&account, &all);
}

#[test]
fn one_that_alone_does_not_fit_follows_as_a_push() {
    let account = TestServer::shared().account();
    let all = ["small".to_owned(), "x".repeat(62 * 1024), "small again".to_owned()];
    store(&account, &all);
    assert!(assert_received(&account, &all) <= 1, "what stands behind it is pushed behind it");
}

#[test]
fn thousands_of_waiting_messages_all_come() {
    let account = TestServer::shared().account();
    let all: Vec<String> = (0..3000).map(|n| format!("{n} {}", "y".repeat(100))).collect();
    store(&account, &all);
    assert_received(&account, &all);
}

#[test]
fn a_live_message_comes_after_what_waited() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let all: Vec<String> = (0..150).map(|n| format!("{n} {}", "x".repeat(1000))).collect();
    store(&other, &all);
    let mut sender = server.original(&me);
    let mut client = server.connect();
    client.send(&other.login());
    let mid = sender.say(other.id, "live");
    client.greeting = client.expect(1001);
    let (mut objects, _) = listed(&client);
    objects.extend(client.pushes(all.len() + 1 - objects.len()));
    let (last, before) = objects.split_last().expect("there are some");
    assert_eq!(
        (texts(before), &last["msg"]),
        (all.iter().map(String::as_str).collect(), &"live".into())
    );
    sender.settled(&mid);
}

#[test]
fn a_live_message_is_delivered_when_the_kernel_took_it() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut recipient = server.original(&other);
    let mut sender = server.original(&me);
    for text in numbered("n", 100) {
        assert_eq!(sender.chat(other.id, &text), "delivered");
    }
    assert_eq!(texts(&recipient.pushes(100)), numbered("n", 100));
    recipient.logout();
    assert!(server.original(&other).greeting.get("offlinemsg").is_none());
}

#[test]
fn a_sender_who_leaves_right_after_sending_is_heard() {
    let server = TestServer::shared();
    let [me, online, acking, offline] = server.accounts();
    let mut plain = server.original(&online);
    let mut acknowledging = server.acking(&acking);
    for n in 0..50 {
        let mut sender = server.original(&me);
        let text = n.to_string();
        let chats: String = [&online, &acking, &offline]
            .iter()
            .map(|to| json!({"msgid": 1005, "toid": to.id, "msg": text}).to_string())
            .collect();
        sender.send_bytes(chats.as_bytes());
        drop(sender);
        assert_eq!(plain.push()["msg"], text);
        assert_eq!(acknowledging.acknowledged_pushes(1)[0]["msg"], text);
    }
    let mut pushes = server.acking(&offline).pushes(50);
    // In which order, delivery::order asks.
    pushes.sort_by_key(|push| push["msg"].as_str().and_then(|text| text.parse::<u32>().ok()));
    let expected: Vec<String> = (0..50).map(|n| n.to_string()).collect();
    assert_eq!(texts(&pushes), expected);
}

#[test]
fn a_recipient_who_leaves_without_a_word_gets_the_rest_later() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut sender = server.original(&me);
    for round in 0..20 {
        drop(server.original(&other));
        // Whether the server knows yet or not, a success means that it is not lost for an
        // acknowledging client; for this one, that the kernel or the store has it.
        let text = format!("round {round}");
        let state = sender.chat(other.id, &text);
        let client = server.original(&other);
        let (objects, _) = listed(&client);
        if state == "stored" {
            assert_eq!(texts(&objects), [text]);
        }
        drop(client);
    }
}
