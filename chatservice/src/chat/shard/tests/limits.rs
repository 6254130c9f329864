//! Sizes, pipelining, pausing, and the end of the node.

use std::time::Duration;

use super::rig::Rig;
use crate::chat::ConnId;
use crate::chat::effect::{LoginId, PeerMessage, Settlement};

#[test]
fn objects_are_bounded_before_and_after_the_login() {
    let padded = |length: usize| format!(r#"{{"msgid":1012,"x":"{}"}}"#, "x".repeat(length));
    for (logged_in, length, fits) in
        [(false, 3000, true), (false, 4096, false), (true, 60_000, true), (true, 65_536, false)]
    {
        let mut rig = Rig::new(1);
        if logged_in {
            rig.plain(1);
        } else {
            rig.open(1);
        }
        let answer = rig.ask(1, &padded(length));
        assert_eq!(answer == r#"{"msgid":1013}"#, fits, "{length}");
        assert_eq!(answer.contains(r#""errno":105"#), !fits, "{length}");
        assert_eq!(rig.closed.is_empty(), fits, "{length}");
    }
}

#[test]
fn after_a_logout_objects_are_as_small_as_before_the_login() {
    let mut rig = Rig::new(1);
    rig.plain(1);
    rig.ask(1, r#"{"msgid":1002}"#);
    let large = format!(r#"{{"msgid":1012,"x":"{}"}}"#, "x".repeat(5000));
    assert!(rig.ask(1, &large).contains(r#""errno":105"#));
}

#[test]
fn requests_behind_a_login_wait_for_it_in_order() {
    let mut rig = Rig::new(1);
    rig.open(1);
    rig.send(
        1,
        concat!(
            r#"{"msgid":1012}"#,
            r#"{"msgid":1000,"id":1,"password":"secret"}"#,
            r#"{"msgid":1006,"friendid":9,"mid":"a"}"#,
            r#"{"msgid":1012}"#,
            r#"{"msgid":1002,"mid":"b"}"#,
        ),
    );
    assert_eq!(rig.said(1), r#"{"msgid":1013}"#);
    assert_eq!(rig.paused.get(&ConnId(1)), Some(&true));
    rig.serve();
    let said = rig.said(1);
    let starts: Vec<_> = said.lines().map(|line| &line[..line.len().min(35)]).collect();
    let expected = [
        r#"{"msgid":1001,"errno":0,"id":1,"nam"#,
        r#"{"msgid":1010,"mid":"a","errno":103"#,
        r#"{"msgid":1013}"#,
        r#"{"msgid":1010,"mid":"b","errno":0}"#,
    ];
    assert_eq!(starts, expected);
    assert_eq!(rig.paused.get(&ConnId(1)), Some(&false));
}

/// User 1 has logged in again, elsewhere on the shard, while what it sent is not settled.
fn held() -> Rig {
    let mut rig = Rig::new(2);
    rig.plain(1);
    rig.acknowledging(2);
    rig.send(1, r#"{"msgid":1005,"toid":2,"msg":"first","mid":"a"}"#);
    rig.open(7);
    rig.ask(7, r#"{"msgid":1000,"id":1,"password":"secret","force":true,"ack":true}"#);
    rig
}

#[test]
fn pings_and_acknowledgements_pass_a_chat_that_waits_for_its_turn() {
    let mut rig = held();
    let chat = r#"{"msgid":1005,"toid":2,"msg":"second","mid":"b"}"#;
    assert_eq!(rig.ask(7, &format!(r#"{chat}{{"msgid":1012}}"#)), r#"{"msgid":1013}"#);
    // Behind another request nothing passes: its answer is to come first.
    let behind = r#"{"msgid":1006,"friendid":2,"mid":"c"}{"msgid":1012}"#;
    assert_eq!(rig.ask(7, behind), "");
    let taken = rig.ask(2, r#"{"msgid":1011,"seq":1}"#);
    assert!(taken.contains("second"), "{taken}");
    let said = rig.said(7);
    assert!(
        said.contains(r#""mid":"c","errno":0}"#) && said.ends_with(r#"{"msgid":1013}"#),
        "{said}"
    );
}

#[test]
fn what_waits_behind_a_chat_is_bounded_and_the_end_comes_after_it() {
    let mut rig = held();
    let chat = |n: usize| format!(r#"{{"msgid":1005,"toid":2,"msg":"{n}"}}"#);
    let chats: String = (0..200).map(chat).collect();
    rig.send(7, &chats);
    assert_eq!(rig.paused.get(&ConnId(7)), Some(&true), "there is no room for 200");
    rig.ask(2, r#"{"msgid":1011,"seq":1}"#);
    assert_eq!(rig.paused.get(&ConnId(7)), Some(&false));
    let mut rig = held();
    rig.send(7, &chat(1));
    rig.send(7, &chat(2));
    rig.end_of_stream(7);
    assert_eq!(rig.connection_of(1), Some(ConnId(7)), "its chats are still to be sent");
    let taken = rig.ask(2, r#"{"msgid":1011,"seq":1}"#);
    assert!(taken.contains(r#""msg":"2""#), "{taken}");
    assert_eq!(rig.connection_of(1), None);
}

#[test]
fn objects_may_come_byte_by_byte() {
    let mut rig = Rig::new(1);
    rig.open(1);
    let mut said = String::new();
    for byte in "\0 {\"msgid\":1012}\n\0{\"msgid\":1012}".chars() {
        said += &rig.ask(1, &byte.to_string());
    }
    assert_eq!(said, r#"{"msgid":1013}"#.repeat(2));
}

#[test]
fn a_sender_with_too_much_under_way_is_not_read() {
    let mut rig = Rig::new(2);
    rig.acknowledging(1);
    rig.acknowledging(2);
    let flood: String =
        (0..1100).map(|n| format!(r#"{{"msgid":1005,"toid":2,"msg":"","mid":"{n}"}}"#)).collect();
    rig.send(1, &flood);
    assert_eq!(rig.paused.get(&ConnId(1)), Some(&true));
    assert_eq!(rig.said(2).lines().count(), 256);
    for seq in (256..=1100).step_by(100) {
        rig.ask(2, &format!(r#"{{"msgid":1011,"seq":{seq}}}"#));
    }
    assert_eq!(rig.paused.get(&ConnId(1)), Some(&false));
    rig.ask(2, r#"{"msgid":1011,"seq":1100}"#);
    assert_eq!(rig.said(1).matches(r#""state":"delivered""#).count(), 1100);
    assert!(rig.shard.is_settled());
}

#[test]
fn a_sender_with_too_many_bytes_under_way_is_not_read() {
    let mut rig = Rig::new(2);
    rig.acknowledging(1);
    rig.acknowledging(2);
    let large = format!(r#"{{"msgid":1005,"toid":2,"msg":"{}"}}"#, "x".repeat(60_000));
    rig.send(1, &large.repeat(20));
    assert_eq!(rig.paused.get(&ConnId(1)), Some(&true));
    assert!(rig.said(2).lines().count() < 20);
    rig.ask(2, r#"{"msgid":1011,"seq":17}"#);
    assert_eq!(rig.paused.get(&ConnId(1)), Some(&false));
}

#[test]
fn a_stopping_node_stores_what_is_owed_and_says_goodbye() {
    let mut rig = Rig::new(2);
    rig.acknowledging(1);
    rig.acknowledging(2);
    rig.send(1, r#"{"msgid":1005,"toid":2,"msg":"hi","mid":"a"}"#);
    rig.shard.handle_stop(rig.now);
    rig.carry_out();
    assert_eq!(rig.paused.get(&ConnId(1)), Some(&true));
    assert!(!rig.shard.is_settled());
    rig.serve();
    assert!(rig.shard.is_settled());
    assert!(rig.said(1).contains(r#""state":"stored""#));
    rig.said(2);
    assert!(rig.shard.handle_goodbye(rig.now, 1, 1000), "one is left");
    assert!(!rig.shard.handle_goodbye(rig.now, 9, 1000));
    rig.carry_out();
    assert_eq!(rig.closed.len(), 2);
    let goodbyes = [rig.said(1), rig.said(2)];
    assert!(goodbyes.iter().all(|text| text.starts_with(r#"{"msgid":1014,"errno":111,"#)));
    assert_ne!(goodbyes[0], goodbyes[1], "they come back one after the other");
}

#[test]
fn a_stopping_node_reads_nobody_new() {
    let mut rig = Rig::new(1);
    rig.shard.handle_stop(rig.now);
    rig.open(1);
    assert_eq!(rig.paused.get(&ConnId(1)), Some(&true));
}

#[test]
fn nothing_is_looked_at_more_often_than_it_must() {
    let mut rig = Rig::new(2);
    rig.acknowledging(1);
    rig.acknowledging(2);
    rig.send(1, r#"{"msgid":1005,"toid":2,"msg":"hi","mid":"a"}"#);
    let mut looks = 0;
    let end = rig.now.instant + Duration::from_secs(60);
    // The store never answers.
    while let Some(next) = rig.shard.next_deadline().filter(|next| *next < end) {
        rig.now.instant = next;
        rig.shard.handle_deadlines(rig.now);
        rig.carry_out();
        looks += 1;
    }
    assert!(looks < 400, "{looks} times in a minute");
}

#[test]
fn strays_of_other_shards_do_nothing() {
    let mut rig = Rig::with_shards(1, 2);
    rig.plain(1);
    let lane =
        crate::chat::LaneKey { sender: chatproto::UserId(1), recipient: chatproto::UserId(9) };
    let sid = crate::message::Sid(1);
    rig.peer(PeerMessage::Settled { lane, sid, how: Settlement::Delivered });
    rig.peer(PeerMessage::JoinKnown { to: LoginId { conn: ConnId(1), number: 99 }, join: 1 });
    rig.peer(PeerMessage::JoinKnown { to: LoginId { conn: ConnId(9), number: 99 }, join: 1 });
    assert_eq!(rig.said(1), "");
}
