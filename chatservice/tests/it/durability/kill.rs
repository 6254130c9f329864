//! kill -9 at random instants under traffic.

use std::thread;
use std::time::Duration;

use serde_json::json;

use super::traffic::{Expected, Target, Traffic, assert_complete};
use crate::support::{Launch, TestServer, seed};

#[test]
fn everything_answered_arrives_once_and_in_order() {
    let seed = seed("everything_answered_arrives");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut server = TestServer::start(Launch::new().flag("--patience-ms", 50));
    let [one, two, first, second] = server.accounts();
    let group = {
        let mut founder = server.original(&one);
        let create = json!({"msgid": 1007, "groupname": "all", "groupdesc": ""});
        let group = founder.request(create)["groupid"].as_i64().expect("created");
        for account in [&first, &second] {
            let mut member = server.original(account);
            assert_eq!(member.request(json!({"msgid": 1008, "groupid": group}))["errno"], 0);
        }
        group
    };
    let traffic = Traffic::to(&server);
    let expected = [Expected::unknown(), Expected::unknown()];
    let (counts, inboxes) = thread::scope(|scope| {
        let traffic = &traffic;
        let [one, two, first, second] = [&one, &two, &first, &second];
        let senders = [
            scope.spawn(move || traffic.send(one, &[Target::User(first.id), Target::Group(group)])),
            scope.spawn(move || traffic.send(two, &[Target::User(first.id)])),
        ];
        let recipients =
            [(first, &expected[0]), (second, &expected[1])].map(|(account, expected)| {
                scope.spawn(move || traffic.receive(account, seed, expected))
            });
        for _ in 0..8 {
            thread::sleep(Duration::from_millis(random.u64(20..400)));
            server.kill9();
            server.restart();
        }
        thread::sleep(Duration::from_millis(200));
        traffic.stop();
        let counts = senders.map(|sender| sender.join().expect("the sender ends well"));
        expected[0].set(2 * counts[0] + counts[1]);
        expected[1].set(counts[0]);
        (counts, recipients.map(|recipient| recipient.join().expect("the recipient ends well")))
    });
    println!("{counts:?} sent, {:?} repeats", inboxes.each_ref().map(|inbox| inbox.repeats()));
    assert!(counts[0] > 100, "too little traffic to tell: {counts:?}");
    assert_complete(&inboxes[0], &one, &["user", "group"], counts[0]);
    assert_complete(&inboxes[0], &two, &["user"], counts[1]);
    assert_complete(&inboxes[1], &one, &["group"], counts[0]);
}

#[test]
fn what_was_stored_before_a_kill_comes_once_after_it() {
    let mut server = TestServer::start(Launch::new());
    let [me, other] = server.accounts();
    let mut sender = server.original(&me);
    let mids: Vec<String> = (0..500).map(|n| sender.say(other.id, &n.to_string())).collect();
    for mid in &mids {
        assert_eq!(sender.settled(mid), "stored");
    }
    server.kill9();
    server.restart();
    let mut recipient = server.acking(&other);
    for (n, mid) in mids.iter().enumerate() {
        let push = recipient.acknowledged_pushes(1).remove(0);
        assert_eq!((&push["msg"], &push["mid"]), (&n.to_string().into(), &mid.as_str().into()));
    }
    // The acknowledgements are on their way into the store; a logout waits for them.
    recipient.logout();
    server.kill9();
    server.restart();
    let mut sender = server.original(&me);
    sender.chat(other.id, "marker");
    let mut recipient = server.acking(&other);
    while recipient.push()["msg"] != "marker" {
        // A fault lies between: a repeat is allowed, with the same mid.
    }
}

#[test]
fn a_message_sent_again_after_a_kill_is_seen_once() {
    let mut server = TestServer::start(Launch::new());
    let [me, other] = server.accounts();
    let mut sender = server.original(&me);
    let chat = json!({"msgid": 1005, "toid": other.id, "msg": "once", "mid": "once"});
    sender.send(&chat);
    assert_eq!(sender.answer("once")["errno"], 0);
    server.kill9();
    server.restart();
    let mut sender = server.original(&me);
    sender.send(&chat);
    assert_eq!(sender.answer("once")["errno"], 0, "sent again, answered again");
    assert_eq!(sender.chat(other.id, "marker"), "stored");
    let pushes = server.acking(&other).pushes(2);
    assert_eq!((&pushes[0]["msg"], &pushes[1]["msg"]), (&"once".into(), &"marker".into()));
}
