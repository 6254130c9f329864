//! What a shard does among those of other nodes, which know of things sooner or later than it does.

use std::time::Duration;

use super::rig::Rig;
use crate::chat::effect::Place;
use crate::chat::shard::*;
use crate::storage::{Request, RowId};

const LOGIN: &str = r#"{"msgid":1000,"id":2,"password":"secret","ack":true}"#;

fn elsewhere() -> Place {
    let login = LoginId { conn: ConnId(77), number: 1 };
    Place { shard: ShardId { node: NodeId(7), index: 0 }, login }
}

#[test]
fn what_comes_before_the_answer_to_a_claim_waits_for_it() {
    let mut rig = Rig::with_shards(2, 2);
    rig.plain(1);
    rig.is_away = true;
    rig.open(2);
    assert_eq!(rig.ask(2, LOGIN), "");
    let to = rig.directory.locate(UserId(2)).unwrap().login;
    rig.send(1, r#"{"msgid":1005,"toid":2,"msg":"hello","mid":"a"}"#);
    assert!(rig.work.is_empty(), "nothing is turned away");
    rig.tell_claims();
    rig.serve();
    let said = rig.said(2);
    let (answer, push) = (said.find(r#""msgid":1001"#), said.find("hello"));
    assert!(answer.is_some() && answer < push, "{to:?}: {said}");
}

#[test]
fn an_eviction_before_the_answer_to_a_claim_ends_the_session() {
    let mut rig = Rig::with_shards(2, 2);
    rig.is_away = true;
    rig.open(2);
    rig.ask(2, LOGIN);
    let to = rig.directory.locate(UserId(2)).unwrap().login;
    rig.peer(PeerMessage::Evict { to, by: elsewhere() });
    assert!(rig.peers.is_empty(), "it is not known yet whether it is there");
    rig.tell_claims();
    rig.serve();
    assert_eq!(rig.closed, [ConnId(2)]);
    assert!(matches!(rig.peers[..], [(_, PeerMessage::Evicted { settled: true, .. })]));
}

#[test]
fn a_login_to_which_too_much_is_sent_early_fails() {
    let mut rig = Rig::with_shards(2, 2);
    rig.is_away = true;
    rig.open(2);
    rig.ask(2, LOGIN);
    let to = rig.directory.locate(UserId(2)).unwrap().login;
    for _ in 0..2000 {
        rig.peer(PeerMessage::Arrived { to, first: RowId(1) });
    }
    assert!(rig.said(2).contains(r#""errno":106"#));
    rig.tell_claims();
    assert!(rig.nobody_is_online());
}

#[test]
fn a_join_that_could_not_be_announced_is_to_be_tried_again() {
    let mut rig = Rig::new(2);
    rig.plain(1);
    rig.ask(1, r#"{"msgid":1007,"groupname":"g"}"#);
    rig.plain(2);
    rig.is_away = true;
    assert_eq!(rig.ask(2, r#"{"msgid":1008,"groupid":1,"mid":"j"}"#), "");
    rig.wait(Duration::from_secs(5));
    assert!(rig.said(2).contains(r#""errno":107"#));
    rig.is_away = false;
    assert!(rig.ask(2, r#"{"msgid":1008,"groupid":1,"mid":"j"}"#).contains(r#""errno":0"#));
}

#[test]
fn a_superseded_session_tells_the_other_one_to_read_again_before_it_turns_messages_away() {
    let mut rig = Rig::with_shards(2, 2);
    rig.acknowledging(2);
    let to = rig.directory.locate(UserId(2)).unwrap().login;
    rig.peer(PeerMessage::Superseded { to, by: elsewhere() });
    assert_eq!(rig.closed, [ConnId(2)]);
    let (shard, first) = &rig.peers[0];
    assert_eq!(*shard, elsewhere().shard);
    assert!(matches!(first, PeerMessage::Arrived { first: RowId(1), .. }));
}

#[test]
fn a_session_that_did_not_wait_reads_again_when_the_one_before_is_over() {
    let mut rig = Rig::with_shards(2, 2);
    rig.acknowledging(2);
    rig.serve();
    let to = rig.directory.locate(UserId(2)).unwrap().login;
    rig.peer(PeerMessage::Evicted { to, settled: true });
    assert!(matches!(rig.work.pop_front(), Some((_, Request::Rows { after: RowId(0), .. }))));
}

#[test]
fn all_who_wait_for_a_session_are_told_that_it_is_settled() {
    let mut rig = Rig::with_shards(2, 2);
    rig.plain(1);
    let old = rig.directory.locate(UserId(1)).unwrap().login;
    rig.send(1, r#"{"msgid":1005,"toid":2,"msg":"hello","mid":"a"}"#);
    rig.close(1);
    let first = elsewhere();
    let second = Place { shard: ShardId { node: NodeId(8), ..first.shard }, ..first };
    for by in [first, second, first] {
        rig.peer(PeerMessage::Evict { to: old, by });
    }
    rig.serve();
    let settled = |(to, message): &(ShardId, PeerMessage)| {
        matches!(message, PeerMessage::SenderSettled { .. }).then_some(*to)
    };
    let told: Vec<_> = rig.peers.iter().filter_map(settled).collect();
    assert_eq!(told, [first.shard, second.shard]);
}
