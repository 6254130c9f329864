//! A sender who floods somebody who reads but never acknowledges.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Incoming, TestServer};

const COUNT: usize = 5000;

#[test]
fn what_a_silent_recipient_is_owed_goes_into_the_store() {
    let server = TestServer::with(&[("--patience-ms", 300)]);
    let [me, other] = server.accounts();
    let mut sender = server.original(&me);
    let mut recipient = server.acking(&other);
    let before = server.memory_kib();
    let text = |n: usize| format!("{n} {}", "y".repeat(1000));
    let mids: Vec<String> = thread::scope(|scope| {
        let silent = scope.spawn(|| recipient.pushes(256));
        let mids = (0..COUNT).map(|n| sender.say(other.id, &text(n))).collect();
        silent.join().expect("the window is pushed");
        mids
    });
    for mid in &mids {
        assert_eq!(sender.settled(mid), "stored");
    }
    let grown = server.memory_kib().saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB");
    assert!(recipient.fence().is_empty(), "more than the window");
    recipient.acknowledge(256);
    for n in 256..COUNT {
        assert_eq!(recipient.acknowledged_pushes(1)[0]["msg"], text(n));
    }
    recipient.logout();
    let mut recipient = server.acking(&other);
    sender.say(other.id, "marker");
    assert_eq!(recipient.next()["msg"], "marker");
}

#[test]
fn a_flood_at_many_silent_recipients_disturbs_no_conversation() {
    let server = TestServer::with(&[("--patience-ms", 300)]);
    let [me, first, second, third, fourth] = server.accounts();
    let silent = [server.acking(&first), server.acking(&second)];
    let mut sender = server.original(&me);
    let mut talkers = (server.acking(&third), server.original(&fourth));
    thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let say = |n: usize| sender.say([first.id, second.id][n % 2], "flood");
            let mids: Vec<String> = (0..4000).map(say).collect();
            mids.iter().for_each(|mid| drop(sender.settled(mid)));
        });
        while !flood.is_finished() {
            let asked = Instant::now();
            let mid = talkers.1.say(third.id, "how are you");
            talkers.0.acknowledged_pushes(1);
            talkers.1.settled(&mid);
            assert!(asked.elapsed() < Duration::from_secs(1), "took {:?}", asked.elapsed());
        }
    });
    for mut client in silent {
        match client.receive(crate::support::DEADLINE) {
            Incoming::Object(push) => assert_eq!(push["msg"], "flood"),
            other => client.fail(&format!("{other:?}")),
        }
    }
}
