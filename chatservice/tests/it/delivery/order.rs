//! What one sender sends to one user or group arrives in that order, whatever the recipient does.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{group, numbered, texts};
use crate::support::{Account, Client, Inbox, Incoming, TestServer, fresh_mid, seed};

/// Logs in and out at random instants until `count` messages were seen; acknowledges some.
fn flapping_recipient(server: &TestServer, account: &Account, count: usize, seed: u64) -> Inbox {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut inbox = Inbox::default();
    let deadline = Instant::now() + Duration::from_secs(60);
    while inbox.len() < count {
        assert!(Instant::now() < deadline, "{} of {count} came", inbox.len());
        let mut client = server.acking(account);
        let mut left = random.usize(1..200);
        while left > 0 && inbox.len() < count {
            match client.receive(Duration::from_secs(5)) {
                Incoming::Object(push) => {
                    left -= 1;
                    inbox.take(&push);
                    if random.u8(..4) > 0 {
                        client.acknowledge(push["seq"].as_u64().expect("a push has a seq"));
                    }
                }
                Incoming::Closed => client.fail("closed by the server"),
                Incoming::Nothing => client.fail("nothing came any more"),
            }
        }
        match random.u8(..3) {
            0 => client.logout(),
            1 => client.reset(),
            _ => drop(client),
        }
    }
    inbox
}

/// Sends all of `texts` without waiting, then takes the answers.
fn send_all(mut client: Client, to: i64, texts: &[String]) {
    let mids: Vec<String> = texts.iter().map(|text| client.say(to, text)).collect();
    for mid in &mids {
        client.settled(mid);
    }
}

#[test]
fn two_thousand_pipelined_messages_across_comings_and_goings() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let seed = seed("two_thousand_pipelined");
    let all = numbered("n", 2000);
    let sender = server.original(&me);
    let inbox = thread::scope(|scope| {
        let recipient = scope.spawn(|| flapping_recipient(server, &other, all.len(), seed));
        send_all(sender, other.id, &all);
        recipient.join().expect("the recipient's thread ends well")
    });
    assert_eq!(inbox.texts_from(me.id), all);
}

#[test]
fn slowly_sent_messages_across_comings_and_goings() {
    let server = TestServer::with(&[("--patience-ms", 20)]);
    let accounts = server.accounts::<5>();
    let (other, senders) = accounts.split_last().expect("there are some");
    let seed = seed("slowly_sent");
    let all = numbered("n", 150);
    let inbox = thread::scope(|scope| {
        let count = all.len() * senders.len();
        let server = &server;
        let recipient = scope.spawn(move || flapping_recipient(server, other, count, seed));
        for sender in senders {
            let client = server.acking(sender);
            let all = &all;
            scope.spawn(move || {
                let mut client = client;
                let settle = |text: &String| drop(client.chat(other.id, text));
                all.iter().for_each(settle);
            });
        }
        recipient.join().expect("the recipient's thread ends well")
    });
    for sender in senders {
        assert_eq!(inbox.texts_from(sender.id), all);
    }
}

#[test]
fn to_a_user_and_to_a_group_each_in_order() {
    let server = TestServer::shared();
    let [me, first, second] = server.accounts();
    let seed = seed("to_a_user_and_to_a_group");
    let mut sender = server.acking(&me);
    let mut members = [server.acking(&first), server.acking(&second)];
    let group = group(&mut sender, &mut members.iter_mut().collect::<Vec<_>>());
    drop(members);
    let [to_user, to_group] = ["user", "group"].map(|prefix| numbered(prefix, 400));
    let inboxes = thread::scope(|scope| {
        let recipients = [(&first, 800), (&second, 400)].map(|(account, count)| {
            scope.spawn(move || flapping_recipient(server, account, count, seed))
        });
        let mut mids = Vec::new();
        for (one, all) in to_user.iter().zip(&to_group) {
            mids.push(sender.say(first.id, one));
            mids.push(sender.say_to_group(group, all));
        }
        for mid in &mids {
            sender.settled(mid);
        }
        recipients.map(|recipient| recipient.join().expect("the thread ends well"))
    });
    let both = inboxes[0].texts_from(me.id);
    let (users, groups): (Vec<&str>, Vec<&str>) =
        both.into_iter().partition(|text| text.starts_with("user"));
    assert_eq!(
        (users, groups),
        (
            to_user.iter().map(String::as_str).collect(),
            to_group.iter().map(String::as_str).collect()
        )
    );
    assert_eq!(inboxes[1].texts_from(me.id), to_group);
}

#[test]
fn a_recipient_who_stays_gets_each_message_once() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut recipient = server.acking(&other);
    let sender = server.original(&me);
    let all = numbered("n", 5000);
    thread::scope(|scope| {
        scope.spawn(|| send_all(sender, other.id, &all));
        for (at, text) in all.iter().enumerate() {
            let push: Value = recipient.push();
            assert_eq!((&push["msg"], &push["seq"]), (&text.as_str().into(), &(at + 1).into()));
            if at % 50 == 49 {
                recipient.acknowledge(at as u64 + 1);
            }
        }
    });
    assert!(recipient.fence().is_empty());
}

#[test]
fn a_sender_who_leaves_and_comes_back_keeps_its_order() {
    let server = TestServer::shared();
    let [me, online, offline] = server.accounts();
    let mut recipient = server.acking(&online);
    let all = numbered("n", 60);
    for text in &all {
        let mut sender = server.original(&me);
        for to in [&offline, &online] {
            sender.send(&json!({"msgid": 1005, "toid": to.id, "msg": text}));
        }
        drop(sender);
        // The server has taken both: the next connection sends what comes later.
        assert_eq!(recipient.acknowledged_pushes(1)[0]["msg"], text.as_str());
    }
    let pushes = server.acking(&offline).pushes(all.len());
    assert_eq!(texts(&pushes), all);
}

#[test]
fn a_sender_who_sends_again_what_was_not_answered_keeps_its_order() {
    let server = &TestServer::with(&[("--patience-ms", 50)]);
    let [me, away, flapping] = server.accounts();
    let seed = seed("a_sender_who_sends_again");
    let mut random = fastrand::Rng::with_seed(seed);
    let all = numbered("n", 300);
    let inbox = thread::scope(|scope| {
        let recipient = scope.spawn(|| flapping_recipient(server, &flapping, all.len(), seed));
        let mut unanswered: Vec<(String, Value)> = Vec::new();
        let mut rest = all.iter();
        while !rest.as_slice().is_empty() || !unanswered.is_empty() {
            let mut sender = server.acking(&me);
            for text in rest.by_ref().take(random.usize(1..10)) {
                for to in [&away, &flapping] {
                    let mid = fresh_mid();
                    let chat = json!({"msgid": 1005, "toid": to.id, "msg": text, "mid": mid});
                    unanswered.push((mid, chat));
                }
            }
            unanswered.iter().for_each(|(_, chat)| sender.send(chat));
            // It leaves before some, all or none are answered.
            for _ in 0..random.usize(..=unanswered.len()) {
                let answer = sender.expect(1010);
                assert_eq!(answer["errno"], 0, "{answer}");
                unanswered.retain(|(mid, _)| answer["mid"] != mid.as_str());
            }
            if random.bool() { sender.reset() } else { drop(sender) }
        }
        recipient.join().expect("the recipient's thread ends well")
    });
    assert_eq!(inbox.texts_from(me.id), all);
    let mut stored = Inbox::default();
    let mut client = server.acking(&away);
    while stored.len() < all.len() {
        stored.take(&client.acknowledged_pushes(1)[0]);
    }
    assert_eq!(stored.texts_from(me.id), all);
}
