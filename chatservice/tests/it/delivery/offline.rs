//! Recipients who are away: what they were sent waits, oldest first, before what is live.

use super::{numbered, texts};
use crate::support::TestServer;

#[test]
fn messages_wait_for_weeks_of_logins_in_between() {
    let server = TestServer::shared();
    let [first, second, other] = server.accounts();
    let mut senders = [server.original(&first), server.acking(&second)];
    let mut expected = Vec::new();
    for n in 0..40 {
        let text = format!("message {n}");
        assert_eq!(senders[n % 2].chat(other.id, &text), "stored");
        expected.push(text);
    }
    let mut recipient = server.acking(&other);
    let pushes = recipient.acknowledged_pushes(40);
    assert_eq!(texts(&pushes), expected, "oldest first, whoever sent it");
    let names: Vec<_> = pushes.iter().map(|push| push["name"].as_str().unwrap()).collect();
    assert_eq!((names[0], names[1]), (first.name.as_str(), second.name.as_str()));
}

#[test]
fn what_waited_comes_before_what_is_live() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut sender = server.original(&me);
    let waiting = numbered("waiting", 300);
    for text in &waiting {
        sender.say(other.id, text);
    }
    assert_eq!(sender.chat(other.id, "the last that waits"), "stored");
    let mut recipient = server.acking(&other);
    let live = numbered("live", 50);
    let mids: Vec<String> = live.iter().map(|text| sender.say(other.id, text)).collect();
    let mut expected = waiting;
    expected.push("the last that waits".to_owned());
    expected.extend(live);
    assert_eq!(texts(&recipient.acknowledged_pushes(351)), expected);
    for mid in &mids {
        sender.settled(mid);
    }
    assert!(recipient.fence().is_empty());
}

#[test]
fn a_login_that_crosses_a_message_loses_and_doubles_nothing() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut sender = server.original(&me);
    let mut recipient = server.acking(&other);
    for round in 0..60 {
        recipient.logout();
        let all = numbered(&format!("round {round}"), 3);
        let mut mids = vec![sender.say(other.id, &all[0])];
        recipient.send(&other.login_ack());
        mids.push(sender.say(other.id, &all[1]));
        recipient.expect(1001);
        mids.push(sender.say(other.id, &all[2]));
        assert_eq!(texts(&recipient.acknowledged_pushes(3)), all);
        for mid in &mids {
            sender.settled(mid);
        }
    }
    recipient.logout();
    sender.chat(other.id, "marker");
    assert_eq!(server.acking(&other).next()["msg"], "marker");
}
