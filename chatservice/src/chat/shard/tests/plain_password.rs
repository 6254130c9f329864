//! Passwords that the original server stored as they are.

use chatproto::UserId;

use super::rig::{Rig, hash_of};
use crate::storage::{Request, Store, Write};

const LOGIN: &str = r#"{"msgid":1000,"id":1,"password":"old","ack":true}"#;
const WRONG: &str = r#"{"msgid":1000,"id":1,"password":"Old","ack":true}"#;

/// User 1 comes from the original server.
fn rig(plain: &str) -> Rig {
    let mut rig = Rig::new(1);
    rig.store
        .commit(&[Write::SetPassword { user: UserId(1), password: plain.to_owned() }])
        .unwrap();
    rig.open(1);
    rig
}

fn stored(rig: &Rig) -> String {
    rig.store.credentials(UserId(1)).unwrap().unwrap().password
}

#[test]
fn the_right_one_logs_in_and_becomes_its_hash() {
    let mut rig = rig("old");
    assert!(rig.ask(1, LOGIN).contains(r#""errno":0"#));
    assert_eq!(stored(&rig), hash_of("old"));
    rig.ask(1, r#"{"msgid":1002}"#);
    rig.send(1, LOGIN);
    rig.serve_until(|(_, request)| !matches!(request, Request::Credentials(_)));
    rig.serve_one();
    assert!(!matches!(rig.work[0].1, Request::Hash { .. }), "it is a hash already");
    rig.serve();
    assert!(rig.said(1).contains(r#""errno":0"#));
}

#[test]
fn a_wrong_one_is_refused_and_changes_nothing() {
    let mut rig = rig("old");
    assert!(rig.ask(1, WRONG).contains(r#""errno":1,"#));
    assert_eq!(stored(&rig), "old");
    assert!(rig.nobody_is_online());
}

#[test]
fn the_login_goes_on_when_the_hash_cannot_be_made_or_stored() {
    let is_hash = |request: &Request| matches!(request, Request::Hash { .. });
    let is_write = |request: &Request| matches!(request, Request::Write(Write::SetPassword { .. }));
    for failing in [is_hash as fn(&Request) -> bool, is_write] {
        let mut rig = rig("old");
        rig.send(1, LOGIN);
        rig.serve_until(|(_, request)| failing(request));
        let (ticket, request) = rig.work.pop_front().unwrap();
        rig.answer(ticket, request.unavailable());
        rig.serve();
        assert!(rig.said(1).contains(r#""errno":0"#));
        assert_eq!(stored(&rig), "old");
        rig.ask(1, r#"{"msgid":1002}"#);
        assert!(rig.ask(1, LOGIN).contains(r#""errno":0"#));
        assert_eq!(stored(&rig), hash_of("old"), "the next login tries again");
    }
}

#[test]
fn a_connection_that_ends_in_between_leaves_nobody_online() {
    for steps in 0..5 {
        let mut rig = rig("old");
        rig.send(1, LOGIN);
        for _ in 0..steps {
            rig.serve_one();
        }
        rig.close(1);
        rig.serve();
        assert!(rig.nobody_is_online(), "after {steps} steps");
    }
}
