//! A recipient who says nothing: the store holds what it was sent, and nothing comes twice.

use std::time::{Duration, Instant};

use super::{numbered, texts};
use crate::support::TestServer;

#[test]
fn the_sender_is_told_stored_within_three_seconds() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut recipient = server.acking(&other);
    let mut sender = server.original(&me);
    let asked = Instant::now();
    let mid = sender.say(other.id, "are you there");
    assert_eq!(recipient.push()["msg"], "are you there");
    assert_eq!(sender.settled(&mid), "stored");
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert!(took > Duration::from_millis(500), "stored at once, though online: {took:?}");
}

#[test]
fn what_is_acknowledged_after_it_was_stored_does_not_come_again() {
    let server = TestServer::with(&[("--patience-ms", 100)]);
    let [me, other] = server.accounts();
    let mut recipient = server.acking(&other);
    let mut sender = server.original(&me);
    for round in 0..10 {
        let all = numbered(&format!("round {round}"), 10);
        let mids: Vec<String> = all.iter().map(|text| sender.say(other.id, text)).collect();
        assert_eq!(texts(&recipient.pushes(10)), all);
        for mid in &mids {
            assert_eq!(sender.settled(mid), "stored");
        }
        // Live again on the connection that fell silent: nothing of the above comes again.
        let mid = sender.say(other.id, "marker");
        let marker = recipient.push();
        assert_eq!(marker["msg"], "marker");
        recipient.acknowledge(marker["seq"].as_u64().unwrap());
        sender.settled(&mid);
        recipient.logout();
        recipient = server.acking(&other);
        let mid = sender.say(other.id, "another marker");
        assert_eq!(recipient.next()["msg"], "another marker");
        recipient.acknowledge(1);
        sender.settled(&mid);
        recipient.logout();
        recipient = server.acking(&other);
    }
}

#[test]
fn what_is_never_acknowledged_comes_at_the_next_login_in_order() {
    let server = TestServer::with(&[("--patience-ms", 100)]);
    let [me, other] = server.accounts();
    let mut sender = server.original(&me);
    let all = numbered("n", 60);
    let mut recipient = server.acking(&other);
    for (at, text) in all.iter().enumerate() {
        let mid = sender.say(other.id, text);
        // Some are stored before the next is sent, some are not.
        if at % 20 == 0 {
            assert_eq!(sender.settled(&mid), "stored");
        }
    }
    assert_eq!(texts(&recipient.pushes(60)), all);
    drop(recipient);
    let mut recipient = server.acking(&other);
    assert_eq!(texts(&recipient.pushes(60)), all);
    recipient.acknowledge(60);
    recipient.logout();
    let mut recipient = server.acking(&other);
    sender.say(other.id, "marker");
    assert_eq!(recipient.next()["msg"], "marker");
}

#[test]
fn acknowledging_while_rows_are_written_loses_and_doubles_nothing() {
    // Patience as short as it gets: acknowledgements and stores cross each other all the time.
    let server = TestServer::with(&[("--patience-ms", 5)]);
    let [me, other] = server.accounts();
    let mut sender = server.original(&me);
    let mut recipient = server.acking(&other);
    let all = numbered("n", 600);
    for (round, texts_of_round) in all.chunks(20).enumerate() {
        let say = |text: &String| sender.say(other.id, text);
        let mids: Vec<String> = texts_of_round.iter().map(say).collect();
        let pushes = recipient.acknowledged_pushes(20);
        assert_eq!(texts(&pushes), texts_of_round);
        for mid in &mids {
            sender.settled(mid);
        }
        if round % 5 == 0 {
            recipient.logout();
            recipient = server.acking(&other);
        }
    }
    recipient.logout();
    let mut recipient = server.acking(&other);
    sender.say(other.id, "marker");
    assert_eq!(recipient.next()["msg"], "marker");
}
