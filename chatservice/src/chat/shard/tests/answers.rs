//! Every request that one shard can answer, and every errno.

use chatproto::{GroupId, UserId};

use super::rig::Rig;
use crate::storage::{Store, Write};

/// What user 1, who is logged in, is told to each request, in one conversation.
fn check(rig: &mut Rig, talk: &[(&str, &str)]) {
    for (request, answer) in talk {
        assert_eq!(rig.ask(1, request), *answer, "to {request}");
    }
}

#[test]
fn without_a_login_only_login_register_and_ping_are_answered() {
    let mut rig = Rig::new(1);
    rig.open(1);
    let refused = r#"{"msgid":1010,"errno":101,"errmsg":"log in first"}"#;
    check(
        &mut rig,
        &[
            (r#"{"msgid":1002}"#, refused),
            (r#"{"msgid":1005,"toid":1,"msg":"hi"}"#, refused),
            (r#"{"msgid":1006,"friendid":1}"#, refused),
            (r#"{"msgid":1007,"groupname":"g"}"#, refused),
            (r#"{"msgid":1008,"groupid":1}"#, refused),
            (r#"{"msgid":1009,"groupid":1,"msg":"hi"}"#, refused),
            (r#"{"msgid":1011,"seq":1}"#, refused),
            (r#"{"msgid":1012}"#, r#"{"msgid":1013}"#),
            (r#"{"msgid":1013}"#, ""),
        ],
    );
}

#[test]
fn what_is_wrong_is_answered_and_the_connection_lives_on() {
    let mut rig = Rig::new(1);
    rig.plain(1);
    for request in [
        r#"{"msgid":4711,"mid":"a"}"#,
        r#"{"mid":"a"}"#,
        r#"{"msgid":1005,"toid":"x","msg":"hi","mid":"a"}"#,
        r#"{"msgid":1005,"toid":1,"mid":"a"}"#,
        r#"{"msgid":1011,"seq":1,"mid":"a"}"#,
    ] {
        let answer = rig.ask(1, request);
        assert!(answer.starts_with(r#"{"msgid":1010,"mid":"a","errno":100,"#), "{answer}");
    }
    assert!(rig.closed.is_empty());
}

#[test]
fn what_is_no_object_ends_the_connection() {
    for stream in ["hello", "[1]", r#"{"msgid":1012 x}"#, "{]", "{\"a\":\u{1}}", "\u{0}x"] {
        let mut rig = Rig::new(1);
        rig.plain(1);
        let answer = rig.ask(1, stream);
        assert!(answer.contains(r#""errno":100"#), "{stream}: {answer}");
        assert_eq!(rig.closed.len(), 1, "{stream}");
        assert!(rig.nobody_is_online(), "{stream}");
        assert_eq!(rig.ask(1, r#"{"msgid":1012}"#), "", "nothing is read any more");
    }
}

#[test]
fn a_foreign_id_is_forbidden_and_no_id_is_fine() {
    let mut rig = Rig::new(3);
    rig.plain(1);
    for request in [
        r#"{"msgid":1002,"id":2}"#,
        r#"{"msgid":1005,"id":2,"toid":3,"msg":"hi"}"#,
        r#"{"msgid":1006,"id":2,"friendid":3}"#,
        r#"{"msgid":1007,"id":2,"groupname":"g"}"#,
        r#"{"msgid":1008,"id":2,"groupid":1}"#,
        r#"{"msgid":1009,"id":2,"groupid":1,"msg":"hi"}"#,
    ] {
        assert!(rig.ask(1, request).contains(r#""errno":102"#), "{request}");
    }
    assert_eq!(rig.ask(1, r#"{"msgid":1006,"friendid":3}"#), "");
}

#[test]
fn friends() {
    let mut rig = Rig::new(4);
    rig.plain(1);
    let done = r#"{"msgid":1010,"mid":"a","errno":0}"#;
    let forbidden = r#"{"msgid":1010,"mid":"a","errno":102,"#;
    check(
        &mut rig,
        &[
            (r#"{"msgid":1006,"friendid":2,"mid":"a"}"#, done),
            (r#"{"msgid":1006,"friendid":2,"mid":"a"}"#, done),
            (r#"{"msgid":1006,"friendid":3}"#, ""),
        ],
    );
    assert!(rig.ask(1, r#"{"msgid":1006,"friendid":4,"mid":"a"}"#).starts_with(forbidden));
    assert!(rig.ask(1, r#"{"msgid":1006,"friendid":1,"mid":"a"}"#).starts_with(forbidden));
    assert!(rig.ask(1, r#"{"msgid":1006,"friendid":9}"#).contains(r#""errno":103"#));
    rig.send(1, r#"{"msgid":1006,"friendid":2}"#);
    rig.fail();
    assert!(rig.said(1).contains(r#""errno":107"#));
}

#[test]
fn groups() {
    let mut rig = Rig::new(2);
    rig.plain(1);
    let made = r#"{"msgid":1010,"mid":"a","errno":0,"groupid":1}"#;
    check(&mut rig, &[(r#"{"msgid":1007,"groupname":"g","groupdesc":"d","mid":"a"}"#, made)]);
    assert!(rig.ask(1, r#"{"msgid":1007,"groupname":"g"}"#).contains(r#""errno":108"#));
    assert_eq!(rig.ask(1, r#"{"msgid":1007,"groupname":"h"}"#), "");
    assert!(rig.ask(1, r#"{"msgid":1008,"groupid":9}"#).contains(r#""errno":104"#));
    rig.plain(2);
    let done = r#"{"msgid":1010,"mid":"a","errno":0}"#;
    assert_eq!(rig.ask(2, r#"{"msgid":1008,"groupid":1,"mid":"a"}"#), done);
    assert_eq!(rig.ask(2, r#"{"msgid":1008,"groupid":1,"mid":"a"}"#), done);
}

#[test]
fn group_chats() {
    let mut rig = Rig::new(3);
    rig.plain(1);
    rig.plain(2);
    rig.plain(3);
    rig.ask(1, r#"{"msgid":1007,"groupname":"g"}"#);
    rig.ask(2, r#"{"msgid":1008,"groupid":1}"#);
    let request = r#"{"msgid":1009,"groupid":1,"msg":"hi","time":"now","mid":"a"}"#;
    assert!(rig.ask(3, request).contains(r#""errno":102"#));
    assert_eq!(rig.ask(1, request), "");
    let relayed = r#"{"msgid":1009,"id":1,"name":"user1","groupid":1,"msg":"hi","time":"now"}"#;
    assert_eq!(rig.said(2), relayed);
    rig.written(2);
    let answer = r#"{"msgid":1010,"mid":"a","errno":0,"state":"delivered"}"#;
    assert_eq!(rig.said(1), answer);
    assert_eq!(rig.ask(1, request), answer, "a repeat is answered, not sent again");
    assert_eq!(rig.said(2), "");
    let unknown = r#"{"msgid":1009,"groupid":9,"msg":"hi","mid":"b"}"#;
    assert!(rig.ask(1, unknown).contains(r#""errno":104"#));
    rig.send(1, r#"{"msgid":1009,"groupid":8,"msg":"hi","mid":"c"}"#);
    rig.fail();
    assert!(rig.said(1).contains(r#""mid":"c","errno":107"#));
}

#[test]
fn who_joins_after_the_members_were_read_is_a_member() {
    let mut rig = Rig::new(3);
    rig.plain(1);
    rig.plain(2);
    rig.ask(1, r#"{"msgid":1007,"groupname":"g"}"#);
    rig.ask(1, r#"{"msgid":1009,"groupid":1,"msg":"first"}"#);
    rig.ask(2, r#"{"msgid":1008,"groupid":1}"#);
    rig.ask(1, r#"{"msgid":1009,"groupid":1,"msg":"second"}"#);
    assert!(rig.said(2).contains("second"));
}

#[test]
fn a_join_counts_when_its_session_is_gone_and_when_the_store_says_that_it_failed() {
    for answered in [true, false] {
        let mut rig = Rig::new(2);
        rig.plain(1);
        rig.plain(2);
        rig.ask(1, r#"{"msgid":1007,"groupname":"g"}"#);
        rig.ask(1, r#"{"msgid":1009,"groupid":1,"msg":"first"}"#);
        rig.send(2, r#"{"msgid":1008,"groupid":1}"#);
        rig.close(2);
        if answered {
            rig.serve();
        } else {
            rig.store.commit(&[Write::JoinGroup { user: UserId(2), group: GroupId(1) }]).unwrap();
            rig.fail();
        }
        rig.plain(2);
        rig.ask(1, r#"{"msgid":1009,"groupid":1,"msg":"second"}"#);
        assert!(rig.said(2).contains("second"), "answered: {answered}");
    }
}

#[test]
fn chats() {
    let mut rig = Rig::new(2);
    rig.plain(1);
    let unknown = rig.ask(1, r#"{"msgid":1005,"toid":9,"msg":"hi","mid":"a"}"#);
    assert!(unknown.starts_with(r#"{"msgid":1010,"mid":"a","errno":103,"#), "{unknown}");
    let stored = r#"{"msgid":1010,"mid":"b","errno":0,"state":"stored"}"#;
    assert_eq!(rig.ask(1, r#"{"msgid":1005,"toid":2,"msg":"hi","mid":"b"}"#), stored);
    assert_eq!(rig.ask(1, r#"{"msgid":1005,"toid":2,"msg":"hi"}"#), "");
    rig.send(1, r#"{"msgid":1005,"toid":2,"msg":"hi","mid":"c"}"#);
    rig.fail();
    assert!(rig.said(1).contains(r#""mid":"c","errno":107"#));
    for _ in 0..3 {
        rig.ask(1, r#"{"msgid":1005,"toid":2,"msg":"hi"}"#);
    }
    let full = rig.ask(1, r#"{"msgid":1005,"toid":2,"msg":"hi","mid":"d"}"#);
    assert!(full.contains(r#""mid":"d","errno":107"#), "the queue is full: {full}");
}

#[test]
fn a_time_that_cannot_be_relayed_is_replaced() {
    let mut rig = Rig::new(2);
    rig.plain(1);
    rig.plain(2);
    for time in ["", r#","time":5"#, r#","time":"012345678901234567890123456789012""#] {
        rig.ask(1, &format!(r#"{{"msgid":1005,"toid":2,"msg":"hi"{time}}}"#));
        assert!(rig.said(2).ends_with(r#""time":"2026-01-02 03:04:05"}"#));
    }
}

#[test]
fn registrations() {
    let mut rig = Rig::new(1);
    rig.open(1);
    let made = r#"{"msgid":1004,"mid":"a","errno":0,"id":2}"#;
    check(&mut rig, &[(r#"{"msgid":1003,"name":"b","password":"p","mid":"a"}"#, made)]);
    let taken = rig.ask(1, r#"{"msgid":1003,"name":"b","password":"p"}"#);
    assert!(taken.starts_with(r#"{"msgid":1004,"errno":1,"#), "{taken}");
    let nameless = rig.ask(1, r#"{"msgid":1003,"name":"","password":"p"}"#);
    assert!(nameless.starts_with(r#"{"msgid":1004,"errno":1,"#), "{nameless}");
    rig.send(1, r#"{"msgid":1003,"name":"c","password":"p"}"#);
    rig.fail();
    assert!(rig.said(1).starts_with(r#"{"msgid":1004,"errno":107,"#));
}
