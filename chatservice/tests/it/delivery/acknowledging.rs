//! Logins that acknowledge: seq, sid, mid; what was not acknowledged comes again.

use serde_json::{Value, json};

use super::{numbered, texts};
use crate::support::{Client, TestServer};

fn field<'a>(pushes: &'a [Value], name: &str) -> Vec<&'a Value> {
    pushes.iter().map(|push| &push[name]).collect()
}

fn say_all(client: &mut Client, to: i64, texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| client.say(to, text)).collect()
}

#[test]
fn seq_counts_from_1_and_sids_sort() {
    let server = TestServer::shared();
    let [first, second, recipient] = server.accounts();
    let mut client = server.acking(&recipient);
    let mut senders = [server.original(&first), server.acking(&second)];
    for n in 0..100 {
        senders[n % 2].say(recipient.id, &n.to_string());
    }
    let pushes = client.acknowledged_pushes(100);
    let seqs: Vec<u64> = pushes.iter().map(|push| push["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=100).collect::<Vec<u64>>());
    for sender in [&first, &second] {
        let from = pushes.iter().filter(|push| push["id"] == sender.id);
        let sids: Vec<&str> = from.map(|push| push["sid"].as_str().unwrap()).collect();
        assert_eq!(sids.len(), 50);
        assert!(sids.windows(2).all(|pair| pair[0] < pair[1]), "{sids:?}");
    }
    drop(client);
    let mut client = server.acking(&recipient);
    senders[0].say(recipient.id, "new");
    assert_eq!(client.push()["seq"], 1, "seq counts on each connection");
}

#[test]
fn the_sender_is_told_delivered_when_the_recipient_has_acknowledged() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut recipient = server.acking(&other);
    let mut client = server.original(&me);
    let mid = client.say(other.id, "did you get it");
    recipient.push();
    assert!(client.fence().is_empty(), "answered before the recipient acknowledged");
    recipient.acknowledge(1);
    assert_eq!(client.settled(&mid), "delivered");
}

#[test]
fn an_acknowledgement_is_cumulative() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut recipient = server.acking(&other);
    let mut client = server.original(&me);
    let mids = say_all(&mut client, other.id, &numbered("n", 50));
    recipient.pushes(50);
    recipient.acknowledge(50);
    for mid in &mids {
        assert_eq!(client.settled(mid), "delivered");
    }
    drop(recipient);
    let mut recipient = server.acking(&other);
    client.say(other.id, "marker");
    assert_eq!(recipient.next()["msg"], "marker", "what was acknowledged came again");
}

#[test]
fn what_was_not_acknowledged_comes_again_with_the_same_mids_and_sids() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut client = server.original(&me);
    let mut recipient = server.acking(&other);
    let mids = say_all(&mut client, other.id, &numbered("n", 20));
    let first = recipient.pushes(20);
    recipient.acknowledge(8);
    assert_eq!(client.settled(&mids[7]), "delivered");
    drop(recipient);
    for _ in 0..3 {
        let mut recipient = server.acking(&other);
        let again = recipient.pushes(12);
        for name in ["id", "name", "toid", "msg", "time", "mid", "sid"] {
            assert_eq!(field(&again, name), field(&first[8..], name));
        }
        let seqs: Vec<u64> = again.iter().map(|push| push["seq"].as_u64().unwrap()).collect();
        assert_eq!(seqs, (1..=12).collect::<Vec<u64>>());
    }
    for mid in &mids[8..] {
        assert_eq!(client.settled(mid), "stored", "the recipient left without a word");
    }
    let mut recipient = server.acking(&other);
    recipient.pushes(12);
    recipient.acknowledge(12);
    recipient.logout();
    let mut recipient = server.acking(&other);
    client.say(other.id, "marker");
    assert_eq!(recipient.next()["msg"], "marker");
}

#[test]
fn acknowledging_ahead_acknowledges_nothing_that_comes_later() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut client = server.original(&me);
    let mut recipient = server.acking(&other);
    recipient.acknowledge(1_000_000);
    client.say(other.id, "one");
    client.say(other.id, "two");
    assert_eq!(texts(&recipient.pushes(2)), ["one", "two"]);
    drop(recipient);
    let mut recipient = server.acking(&other);
    assert_eq!(texts(&recipient.pushes(2)), ["one", "two"]);
}

#[test]
fn acknowledging_backwards_or_twice_does_nothing() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut client = server.original(&me);
    let mut recipient = server.acking(&other);
    let mids = say_all(&mut client, other.id, &numbered("n", 3));
    recipient.pushes(3);
    for seq in [2, 1, 0, 2, 2] {
        recipient.acknowledge(seq);
    }
    assert_eq!(client.settled(&mids[1]), "delivered");
    assert!(client.fence().iter().all(|answer| answer["mid"] != mids[2].as_str()));
    recipient.acknowledge(3);
    assert_eq!(client.settled(&mids[2]), "delivered");
}

#[test]
fn malformed_acknowledgements_are_bad_requests() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut client = server.original(&me);
    let mut recipient = server.acking(&other);
    client.say(other.id, "keep me");
    recipient.push();
    let seqs = [json!(null), json!("1"), json!(1.5), json!(-1), json!([1]), json!(true)];
    for seq in seqs {
        recipient.send(&json!({"msgid": 1011, "seq": seq}));
        let answer = recipient.next();
        assert_eq!((&answer["msgid"], &answer["errno"]), (&1010.into(), &100.into()), "{seq}");
    }
    drop(recipient);
    assert_eq!(server.acking(&other).push()["msg"], "keep me");
}

#[test]
fn a_login_that_acknowledges_gets_no_offlinemsg() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    assert_eq!(server.original(&me).chat(other.id, "waiting"), "stored");
    let mut recipient = server.acking(&other);
    assert!(recipient.greeting.get("offlinemsg").is_none(), "{}", recipient.greeting);
    assert_eq!(recipient.push()["msg"], "waiting");
}

#[test]
fn a_logout_leaves_what_was_not_acknowledged() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut client = server.original(&me);
    let mut recipient = server.acking(&other);
    let mid = client.say(other.id, "unread");
    recipient.push();
    recipient.logout();
    assert_eq!(client.settled(&mid), "stored");
    assert_eq!(server.acking(&other).push()["mid"], mid);
}

#[test]
fn both_kinds_of_login_may_take_turns() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut client = server.original(&me);
    let mut recipient = server.acking(&other);
    let mid = client.say(other.id, "first pushed, then listed");
    recipient.push();
    recipient.logout();
    assert_eq!(client.settled(&mid), "stored");
    let listed = server.original(&other).greeting["offlinemsg"].clone();
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
    let mut recipient = server.acking(&other);
    client.say(other.id, "marker");
    assert_eq!(recipient.next()["msg"], "marker", "the listed message came again");
}
