//! Group chats to members who are there, away, silent, or all of that.

use serde_json::json;

use super::{group, numbered, texts};
use crate::support::TestServer;

#[test]
fn delivered_when_every_member_has_it() {
    let server = TestServer::shared();
    let [me, plain, acking] = server.accounts();
    let mut sender = server.original(&me);
    let mut original = server.original(&plain);
    let mut acknowledging = server.acking(&acking);
    let group = group(&mut sender, &mut [&mut original, &mut acknowledging]);
    let mid = sender.say_to_group(group, "all here");
    assert_eq!(original.push()["msg"], "all here");
    assert_eq!(acknowledging.push()["msg"], "all here");
    assert!(sender.fence().is_empty(), "answered before every member had it");
    acknowledging.acknowledge(1);
    assert_eq!(sender.settled(&mid), "delivered");
}

#[test]
fn stored_when_the_store_holds_it_for_one() {
    let server = TestServer::shared();
    let [me, there, away] = server.accounts();
    let mut sender = server.original(&me);
    let mut online = server.acking(&there);
    let mut offline = server.acking(&away);
    let group = group(&mut sender, &mut [&mut online, &mut offline]);
    offline.logout();
    let mid = sender.say_to_group(group, "mixed");
    online.acknowledged_pushes(1);
    assert_eq!(sender.settled(&mid), "stored");
    let push = server.acking(&away).push();
    assert_eq!((&push["msg"], &push["groupid"]), (&"mixed".into(), &group.into()));
    assert_eq!(push["mid"], mid);
}

#[test]
fn a_group_of_one_is_delivered_to_nobody() {
    let server = TestServer::shared();
    let me = server.account();
    let mut sender = server.original(&me);
    let group = group(&mut sender, &mut []);
    let mid = sender.say_to_group(group, "alone");
    assert_eq!(sender.settled(&mid), "delivered");
    assert!(sender.fence().is_empty());
}

#[test]
fn each_member_gets_each_message_once_and_in_order() {
    let server = TestServer::shared();
    let accounts = server.accounts::<12>();
    let mut members: Vec<_> = accounts.iter().map(|account| server.acking(account)).collect();
    let (founder, others) = members.split_first_mut().expect("there are some");
    let group = group(founder, &mut others.iter_mut().collect::<Vec<_>>());
    // Every third member leaves.
    for member in members.iter_mut().skip(2).step_by(3) {
        member.logout();
    }
    let all = numbered("to all", 100);
    let mids: Vec<String> = all.iter().map(|text| members[0].say_to_group(group, text)).collect();
    for (at, account) in accounts.iter().enumerate().skip(1) {
        if at % 3 == 2 {
            members[at] = server.acking(account);
        }
        assert_eq!(texts(&members[at].acknowledged_pushes(100)), all, "member {at}");
        assert!(members[at].fence().is_empty());
    }
    for mid in &mids {
        members[0].settled(mid);
    }
    assert!(members[0].fence().is_empty(), "the sender is no recipient");
}

#[test]
fn everybody_may_talk_at_once() {
    let server = TestServer::shared();
    let accounts = server.accounts::<6>();
    let mut members: Vec<_> = accounts.iter().map(|account| server.acking(account)).collect();
    let (founder, others) = members.split_first_mut().expect("there are some");
    let group = group(founder, &mut others.iter_mut().collect::<Vec<_>>());
    for n in 0..40 {
        for member in &mut members {
            member.say_to_group(group, &n.to_string());
        }
    }
    let expected: Vec<String> = (0..40).map(|n| n.to_string()).collect();
    for (member, account) in members.iter_mut().zip(&accounts) {
        let pushes = member.acknowledged_pushes(200);
        for other in accounts.iter().filter(|other| other.id != account.id) {
            let from = pushes.iter().filter(|push| push["id"] == other.id);
            let texts: Vec<_> = from.map(|push| push["msg"].as_str().unwrap()).collect();
            assert_eq!(texts, expected);
        }
    }
}

#[test]
fn a_member_who_joins_later_gets_what_is_said_later() {
    let server = TestServer::shared();
    let [me, early, late] = server.accounts();
    let mut sender = server.original(&me);
    let mut first = server.acking(&early);
    let group = group(&mut sender, &mut [&mut first]);
    let before = sender.say_to_group(group, "before");
    first.acknowledged_pushes(1);
    sender.settled(&before);
    let mut second = server.acking(&late);
    assert_eq!(second.request(json!({"msgid": 1008, "groupid": group}))["errno"], 0);
    sender.say_to_group(group, "after");
    assert_eq!(second.next()["msg"], "after");
    assert_eq!(first.push()["msg"], "after");
}

#[test]
fn whoever_joins_is_reached_at_once() {
    let server = TestServer::shared();
    let me = server.account();
    let mut sender = server.original(&me);
    let group = group(&mut sender, &mut []);
    let mut members = Vec::new();
    for n in 0..40 {
        let mut member = server.acking(&server.account());
        assert_eq!(member.request(json!({"msgid": 1008, "groupid": group}))["errno"], 0);
        sender.say_to_group(group, &n.to_string());
        assert_eq!(member.next()["msg"], n.to_string());
        member.say_to_group(group, "me, too");
        assert_eq!(sender.push()["msg"], "me, too");
        members.push(member);
    }
}
