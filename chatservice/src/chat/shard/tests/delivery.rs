//! From one session to another: live, through rows, through the end of a connection.

use std::time::Duration;

use chatproto::UserId;

use super::rig::Rig;
use crate::chat::ConnId;
use crate::chat::effect::{LoginId, NodeId, PeerMessage, Place, ShardId};

const HELLO: &str = r#"{"msgid":1005,"toid":2,"msg":"hello","time":"now","mid":"a"}"#;
const DELIVERED: &str = r#"{"msgid":1010,"mid":"a","errno":0,"state":"delivered"}"#;
const STORED: &str = r#"{"msgid":1010,"mid":"a","errno":0,"state":"stored"}"#;

/// What is said without the ids that the server makes.
fn without_sid(text: &str) -> String {
    let Some(start) = text.find(r#""sid":""#) else { return text.to_owned() };
    format!("{}{}", &text[..start], &text[start + 33..])
}

#[test]
fn an_original_client_gets_the_objects_of_the_original() {
    let mut rig = Rig::new(2);
    rig.plain(1);
    rig.plain(2);
    assert_eq!(rig.ask(1, HELLO), "");
    let relayed = r#"{"msgid":1005,"id":1,"name":"user1","toid":2,"msg":"hello","time":"now"}"#;
    assert_eq!(rig.said(2), relayed);
    rig.written(2);
    assert_eq!(rig.said(1), DELIVERED);
    assert!(rig.shard.is_settled());
}

#[test]
fn an_acknowledging_client_gets_numbers_and_acknowledges_them() {
    let mut rig = Rig::new(2);
    rig.plain(1);
    rig.acknowledging(2);
    rig.ask(1, HELLO);
    let pushed = without_sid(&rig.said(2));
    assert!(pushed.ends_with(r#""time":"now","seq":1,"mid":"a"}"#), "{pushed}");
    rig.written(2);
    assert_eq!(rig.said(1), "", "written is not acknowledged");
    assert_eq!(rig.ask(2, r#"{"msgid":1011,"seq":1}"#), "");
    assert_eq!(rig.said(1), DELIVERED);
    assert!(rig.ask(2, r#"{"msgid":1011,"seq":2}"#).contains(r#""errno":100"#));
    let done = r#"{"msgid":1010,"mid":"x","errno":0}"#;
    assert_eq!(rig.ask(2, r#"{"msgid":1011,"seq":1,"mid":"x"}"#), done);
}

#[test]
fn what_waited_is_in_the_answer_of_an_original_client() {
    let mut rig = Rig::new(2);
    rig.plain(1);
    assert_eq!(rig.ask(1, HELLO), STORED);
    rig.open(2);
    let answer = rig.ask(2, r#"{"msgid":1000,"id":2,"password":"secret"}"#).replace('\\', "");
    assert!(answer.contains(r#""offlinemsg":["{"msgid":1005,"id":1,"#), "{answer}");
    rig.close(2);
    rig.plain(2);
    rig.written(2);
    rig.serve();
    rig.close(2);
    rig.open(2);
    let answer = rig.ask(2, r#"{"msgid":1000,"id":2,"password":"secret"}"#);
    assert!(!answer.contains("offlinemsg"), "what was written is gone: {answer}");
}

#[test]
fn what_waited_is_pushed_to_an_acknowledging_client() {
    let mut rig = Rig::new(2);
    rig.plain(1);
    rig.ask(1, HELLO);
    rig.open(2);
    let said = rig.ask(2, r#"{"msgid":1000,"id":2,"password":"secret","ack":true}"#);
    let lines: Vec<_> = said.lines().collect();
    assert!(lines[0].starts_with(r#"{"msgid":1001,"errno":0"#) && !said.contains("offlinemsg"));
    assert!(lines[1].contains(r#""msg":"hello","time":"now","seq":1"#), "{said}");
}

#[test]
fn what_was_not_acknowledged_is_stored_when_the_recipient_goes() {
    let mut rig = Rig::new(2);
    rig.plain(1);
    rig.acknowledging(2);
    rig.ask(1, HELLO);
    rig.close(2);
    rig.serve();
    assert_eq!(rig.said(1), STORED);
}

#[test]
fn a_silent_recipient_does_not_keep_the_sender_waiting() {
    let mut rig = Rig::new(2);
    rig.plain(1);
    rig.acknowledging(2);
    rig.ask(1, HELLO);
    rig.wait(Duration::from_secs(2));
    rig.serve();
    assert_eq!(rig.said(1), STORED);
}

#[test]
fn a_message_to_oneself_arrives() {
    let mut rig = Rig::new(2);
    rig.acknowledging(2);
    assert!(rig.ask(2, HELLO).contains(r#""id":2,"name":"user2","toid":2,"msg":"hello""#));
    assert_eq!(rig.ask(2, r#"{"msgid":1011,"seq":1}"#), DELIVERED);
}

#[test]
fn a_sender_that_leaves_leaves_its_messages() {
    let mut rig = Rig::new(2);
    rig.plain(1);
    rig.send(1, HELLO);
    rig.close(1);
    rig.serve();
    assert!(rig.shard.is_settled());
    rig.open(2);
    assert!(rig.ask(2, r#"{"msgid":1000,"id":2,"password":"secret"}"#).contains("hello"));
}

#[test]
fn after_the_end_of_the_stream_the_last_answers_still_come() {
    let mut rig = Rig::new(2);
    rig.plain(1);
    rig.send(1, HELLO);
    rig.end_of_stream(1);
    assert!(rig.closed.is_empty());
    assert!(rig.directory.locate(UserId(1)).is_none(), "who leaves is offline at once");
    rig.serve();
    assert_eq!(rig.said(1), STORED);
    assert_eq!(rig.closed, [ConnId(1)]);
}

#[test]
fn at_the_end_of_the_stream_a_connection_that_waits_for_nothing_is_closed() {
    let mut rig = Rig::new(1);
    rig.open(1);
    rig.end_of_stream(1);
    rig.end_of_stream(1);
    assert_eq!(rig.closed, [ConnId(1)]);
}

#[test]
fn a_mid_in_use_is_not_sent_twice() {
    let mut rig = Rig::new(2);
    rig.plain(1);
    rig.plain(2);
    rig.ask(1, HELLO);
    rig.ask(1, HELLO);
    assert_eq!(rig.said(2).lines().count(), 1);
    rig.written(2);
    assert_eq!(rig.said(1), DELIVERED);
    assert_eq!(rig.ask(1, HELLO), DELIVERED);
    assert_eq!(rig.said(2), "");
}

/// A login of another shard, or one that is not here.
fn login(conn: u64) -> LoginId {
    LoginId { conn: ConnId(conn), number: 99 }
}

#[test]
fn what_is_for_another_shard_is_sent_there() {
    let mut rig = Rig::with_shards(2, 2);
    rig.plain(1);
    let place = Place { shard: ShardId { node: NodeId::ALONE, index: 1 }, login: login(5) };
    rig.directory.claim(UserId(2), place, 0, true);
    rig.send(1, HELLO);
    let (to, message) = rig.peers.pop().unwrap();
    assert_eq!(to, ShardId { node: NodeId::ALONE, index: 1 });
    let PeerMessage::Deliver { to, lane, home, again, message } = message else { panic!() };
    assert_eq!((to, home, again), (login(5), ShardId { node: NodeId::ALONE, index: 0 }, false));
    let how = crate::chat::effect::Settlement::Delivered;
    rig.peer(PeerMessage::Settled { lane, sid: message.sid, how });
    assert_eq!(rig.said(1), DELIVERED);
}

#[test]
fn what_comes_for_somebody_who_is_not_here_goes_back() {
    let mut rig = Rig::with_shards(2, 2);
    rig.plain(1);
    let elsewhere = Place { shard: ShardId { node: NodeId::ALONE, index: 1 }, login: login(5) };
    rig.directory.claim(UserId(2), elsewhere, 0, true);
    rig.send(1, HELLO);
    let (_, PeerMessage::Deliver { lane, message, .. }) = rig.peers.pop().unwrap() else {
        panic!()
    };
    for to in [login(1), login(9)] {
        let (message, again) = (message.clone(), false);
        rig.peer(PeerMessage::Deliver {
            to,
            lane,
            home: ShardId { node: NodeId::ALONE, index: 1 },
            again,
            message,
        });
        let (to_shard, answer) = rig.peers.pop().unwrap();
        assert_eq!(to_shard, ShardId { node: NodeId::ALONE, index: 1 });
        assert!(matches!(answer, PeerMessage::NotHere { from, .. } if from.login == to));
    }
}

/// The first of three shards, with users 1 and 2, and a group of user 1.
fn with_group() -> Rig {
    let mut rig = Rig::with_shards(2, 3);
    rig.plain(1);
    rig.ask(1, r#"{"msgid":1007,"groupname":"g"}"#);
    rig.plain(2);
    rig
}

#[test]
fn a_join_is_answered_when_every_node_knows() {
    let mut rig = with_group();
    assert_eq!(rig.ask(2, r#"{"msgid":1008,"groupid":1,"mid":"j"}"#), "");
    let (next, _) =
        rig.peers.iter().find(|(_, m)| matches!(m, PeerMessage::Joined { .. })).unwrap();
    assert_eq!(next.index, 1, "each shard tells the next");
    let to = rig.directory.locate(UserId(2)).unwrap().login;
    rig.peer(PeerMessage::JoinKnown { to, join: 1 });
    assert_eq!(rig.said(2), r#"{"msgid":1010,"mid":"j","errno":0}"#);
}

#[test]
fn the_deadline_of_an_earlier_join_does_not_end_a_later_one() {
    let mut rig = with_group();
    rig.ask(1, r#"{"msgid":1007,"groupname":"h"}"#);
    rig.ask(2, r#"{"msgid":1008,"groupid":1,"mid":"j"}"#);
    let to = rig.directory.locate(UserId(2)).unwrap().login;
    rig.peer(PeerMessage::JoinKnown { to, join: 1 });
    assert_eq!(rig.said(2), r#"{"msgid":1010,"mid":"j","errno":0}"#);
    rig.wait(Duration::from_millis(3900));
    rig.ask(2, r#"{"msgid":1008,"groupid":2,"mid":"k"}"#);
    rig.peer(PeerMessage::JoinKnown { to, join: 1 });
    rig.wait(Duration::from_millis(200));
    assert_eq!(rig.said(2), "");
    rig.peer(PeerMessage::JoinKnown { to, join: 2 });
    assert_eq!(rig.said(2), r#"{"msgid":1010,"mid":"k","errno":0}"#);
}

#[test]
fn a_join_of_which_a_node_does_not_want_to_know_is_answered_in_time() {
    let mut rig = with_group();
    assert_eq!(rig.ask(2, r#"{"msgid":1008,"groupid":1,"mid":"j"}"#), "");
    rig.wait(Duration::from_millis(3900));
    assert_eq!(rig.said(2), "");
    rig.wait(Duration::from_millis(200));
    assert_eq!(rig.said(2), r#"{"msgid":1010,"mid":"j","errno":0}"#);
}
