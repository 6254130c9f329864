//! Logging in and out, and what an end of the connection means while doing so.

use std::time::Duration;

use chatproto::UserId;

use super::rig::Rig;
use crate::chat::effect::{Admission, Effect, LoginId, NodeId, PeerMessage, Place, ShardId};
use crate::chat::{ConnId, Ticket};
use crate::storage::{Answer, PageLimit, Request, RowId, Store, Write};

const LOGIN: &str = r#"{"msgid":1000,"id":1,"password":"secret"}"#;
const FORCED: &str = r#"{"msgid":1000,"id":1,"password":"secret","force":true}"#;
const ACKNOWLEDGING: &str = r#"{"msgid":1000,"id":1,"password":"secret","ack":true}"#;

#[test]
fn right_and_wrong_passwords() {
    let mut rig = Rig::new(1);
    rig.open(1);
    let refused = r#"{"msgid":1001,"errno":1,"errmsg":"refused"}"#;
    assert_eq!(rig.ask(1, r#"{"msgid":1000,"id":1,"password":"x"}"#), refused);
    assert_eq!(rig.ask(1, r#"{"msgid":1000,"id":9,"password":"secret"}"#), refused);
    assert_eq!(rig.ask(1, LOGIN), r#"{"msgid":1001,"errno":0,"id":1,"name":"user1"}"#);
    assert_eq!(rig.connection_of(1), Some(ConnId(1)));
}

#[test]
fn an_unknown_account_is_checked_as_a_known_one() {
    let mut rig = Rig::new(1);
    rig.open(1);
    rig.send(1, r#"{"msgid":1000,"id":9,"password":"secret"}"#);
    let (ticket, _) = rig.work.pop_front().unwrap();
    rig.answer(ticket, Answer::Credentials(Ok(None)));
    assert!(matches!(rig.work[0].1, Request::Verify { hash: None, .. }));
}

#[test]
fn who_is_online_is_refused_and_may_be_forced() {
    let mut rig = Rig::new(1);
    rig.plain(1);
    rig.open(2);
    let taken = r#"{"msgid":1001,"errno":2,"errmsg":"this account is using, input another!"}"#;
    assert_eq!(rig.ask(2, LOGIN), taken);
    assert!(rig.ask(2, FORCED).contains(r#""errno":0"#));
    assert!(rig.said(1).starts_with(r#"{"msgid":1014,"errno":109,"#));
    assert_eq!(rig.closed, [ConnId(1)]);
    assert_eq!(rig.connection_of(1), Some(ConnId(2)));
    rig.close(1);
    assert_eq!(rig.connection_of(1), Some(ConnId(2)), "the old end frees nothing");
}

#[test]
fn a_second_login_on_one_connection_is_refused() {
    let mut rig = Rig::new(2);
    rig.plain(1);
    assert!(rig.ask(1, LOGIN).contains(r#""errno":2"#));
    let other = r#"{"msgid":1000,"id":2,"password":"secret"}"#;
    assert!(rig.ask(1, other).contains(r#""errno":102"#));
}

#[test]
fn a_token_takes_over_without_a_password_and_ends_with_the_logout() {
    let mut rig = Rig::new(1);
    rig.open(1);
    let token = format!("1-{}", "07".repeat(16));
    assert!(rig.ask(1, ACKNOWLEDGING).contains(&format!(r#""token":"{token}""#)));
    rig.open(2);
    let resume = format!(r#"{{"msgid":1000,"token":"{token}","ack":true}}"#);
    rig.send(2, &resume);
    assert!(!rig.work.iter().any(|(_, request)| matches!(request, Request::Verify { .. })));
    rig.serve();
    assert!(rig.said(2).contains(r#""errno":0"#));
    assert!(rig.said(1).contains(r#""errno":109"#));
    assert_eq!(rig.ask(2, r#"{"msgid":1002,"mid":"a"}"#), r#"{"msgid":1010,"mid":"a","errno":0}"#);
    assert!(rig.ask(2, &resume).contains(r#""errno":1"#));
    assert!(rig.ask(2, r#"{"msgid":1000,"token":"nonsense"}"#).contains(r#""errno":1"#));
}

#[test]
fn a_logout_frees_the_account_and_leaves_the_connection() {
    let mut rig = Rig::new(1);
    rig.plain(1);
    assert_eq!(rig.ask(1, r#"{"msgid":1002,"id":1}"#), "");
    assert!(rig.nobody_is_online() && rig.closed.is_empty());
    assert!(rig.ask(1, r#"{"msgid":1005,"toid":1,"msg":"hi"}"#).contains(r#""errno":101"#));
    assert!(rig.ask(1, LOGIN).contains(r#""errno":0"#));
}

#[test]
fn a_logout_asks_for_the_end_of_the_token_before_it_frees_the_account() {
    let mut rig = Rig::new(1);
    rig.plain(1);
    rig.shard.handle_bytes(rig.now, ConnId(1), b"{\"msgid\":1002}\n");
    let list = std::mem::take(rig.shard.effects()).list;
    let at = |wanted: fn(&Effect) -> bool| list.iter().position(wanted).unwrap();
    let token_ends = at(|effect| {
        let Effect::Work { request: Request::Write(write), .. } = effect else { return false };
        matches!(write, Write::SetToken { token: None, .. })
    });
    assert!(token_ends < at(|effect| matches!(effect, Effect::Release { .. })));
}

#[test]
fn the_answer_lists_friends_and_groups_and_who_is_online() {
    let mut rig = Rig::new(2);
    rig.plain(1);
    rig.plain(2);
    rig.ask(1, r#"{"msgid":1006,"friendid":2}"#);
    rig.ask(1, r#"{"msgid":1007,"groupname":"g","groupdesc":"d"}"#);
    rig.ask(1, r#"{"msgid":1002}"#);
    let answer = rig.ask(1, LOGIN).replace('\\', "");
    assert!(answer.contains(r#"{"id":2,"name":"user2","state":"online"}"#), "{answer}");
    assert!(answer.contains(r#""groupname":"g","groupdesc":"d""#), "{answer}");
    assert!(answer.contains(r#""state":"online","role":"creator""#), "{answer}");
}

#[test]
fn at_every_step_a_failing_store_refuses_and_leaves_nobody_online() {
    for steps in 0..6 {
        let mut rig = Rig::new(1);
        rig.open(1);
        rig.send(1, ACKNOWLEDGING);
        for _ in 0..steps {
            rig.serve_one();
        }
        rig.fail();
        let answer = rig.said(1);
        if answer.contains(r#""errno":0"#) {
            assert!(steps >= 3, "the login needs three answers");
            // The fourth is the write of the token, without which it goes on.
            assert_eq!(answer.contains("token"), steps >= 4, "{answer}");
            continue;
        }
        assert!(answer.contains(r#""errno":107"#) || answer.contains(r#""errno":1,"#), "{answer}");
        assert!(rig.nobody_is_online(), "after {steps} steps");
        assert!(rig.ask(1, ACKNOWLEDGING).contains(r#""errno":0"#));
    }
}

#[test]
fn a_connection_that_ends_during_its_login_leaves_nobody_online() {
    for steps in 0..6 {
        let mut rig = Rig::new(1);
        rig.open(1);
        rig.send(1, ACKNOWLEDGING);
        for _ in 0..steps {
            rig.serve_one();
        }
        rig.close(1);
        rig.serve();
        assert!(rig.nobody_is_online(), "after {steps} steps");
        rig.open(2);
        assert!(rig.ask(2, LOGIN).contains(r#""errno":0"#));
    }
}

#[test]
fn guesses_wait_or_are_refused() {
    let mut rig = Rig::new(1);
    rig.open(1);
    rig.admission = Admission::After(Duration::from_secs(1));
    assert_eq!(rig.ask(1, LOGIN), "");
    rig.wait(Duration::from_millis(999));
    assert!(rig.work.is_empty());
    rig.wait(Duration::from_millis(1));
    rig.serve();
    assert!(rig.said(1).contains(r#""errno":0"#));
    rig.open(2);
    rig.admission = Admission::Refused(Duration::from_secs(7));
    let answer = rig.ask(2, FORCED);
    assert!(answer.contains(r#""errno":106"#) && answer.contains(r#""retry_ms":7000"#), "{answer}");
}

#[test]
fn who_does_not_log_in_is_closed_but_not_while_the_server_is_slow() {
    let mut rig = Rig::new(1);
    rig.open(1);
    rig.wait(Duration::from_secs(29));
    rig.send(1, LOGIN);
    rig.wait(Duration::from_secs(300));
    assert!(rig.closed.is_empty());
    rig.serve();
    rig.ask(1, r#"{"msgid":1002}"#);
    rig.wait(Duration::from_secs(29));
    assert!(rig.closed.is_empty());
    rig.wait(Duration::from_secs(31));
    assert_eq!(rig.closed, [ConnId(1)]);
}

#[test]
fn a_silent_acknowledging_client_is_asked_and_then_closed() {
    let mut rig = Rig::new(1);
    rig.acknowledging(1);
    rig.wait(Duration::from_secs(30));
    assert_eq!(rig.said(1), r#"{"msgid":1012}"#);
    rig.wait(Duration::from_secs(20));
    rig.send(1, r#"{"msgid":1013}"#);
    rig.wait(Duration::from_secs(89));
    assert!(rig.closed.is_empty());
    rig.wait(Duration::from_secs(1));
    assert_eq!(rig.closed, [ConnId(1)]);
    assert!(rig.nobody_is_online());
}

#[test]
fn logging_in_and_out_does_not_multiply_pings() {
    let mut rig = Rig::new(1);
    rig.open(1);
    for _ in 0..10 {
        rig.ask(1, ACKNOWLEDGING);
        rig.ask(1, r#"{"msgid":1002}"#);
    }
    rig.ask(1, ACKNOWLEDGING);
    rig.wait(Duration::from_secs(35));
    assert_eq!(rig.said(1), r#"{"msgid":1012}"#);
}

/// A login that never was, or is not any more.
fn stale(conn: u64) -> LoginId {
    LoginId { conn: ConnId(conn), number: 99 }
}

#[test]
fn an_eviction_of_another_login_changes_nothing() {
    let mut rig = Rig::new(2);
    rig.plain(1);
    let by = Place { shard: ShardId { node: NodeId::ALONE, index: 0 }, login: stale(7) };
    for conn in [1, 9] {
        rig.peer(PeerMessage::Evict { to: stale(conn), by });
    }
    assert!(rig.closed.is_empty());
}

#[test]
fn answers_for_a_connection_that_is_gone_do_nothing() {
    let mut rig = Rig::new(1);
    rig.plain(1);
    rig.close(1);
    rig.answer(Ticket::Session(ConnId(1)), Answer::Verified(true));
    rig.answer(Ticket::Inbox(stale(1)), Answer::Rows(Ok(Vec::new())));
    rig.answer(Ticket::Removal(stale(1), Vec::new()), Answer::Verified(true));
    assert_eq!(rig.said(1), "");
}

#[test]
fn rows_of_one_user_are_not_shown_to_the_next_one_at_the_connection() {
    let mut rig = Rig::new(3);
    rig.plain(3);
    rig.ask(3, r#"{"msgid":1005,"toid":1,"msg":"private","mid":"a"}"#);
    rig.ask(3, r#"{"msgid":1005,"toid":2,"msg":"for two","mid":"b"}"#);
    rig.open(7);
    rig.send(7, ACKNOWLEDGING);
    rig.serve_until(|request| matches!(request, (Ticket::Inbox(_), _)));
    let (ticket, _) = rig.work.pop_front().unwrap();
    let late = rig.store.rows(UserId(1), RowId(0), PageLimit::rows(10)).unwrap();
    rig.ask(7, r#"{"msgid":1002}"#);
    rig.send(7, r#"{"msgid":1000,"id":2,"password":"secret","ack":true}"#);
    rig.serve_until(|request| matches!(request, (Ticket::Inbox(_), _)));
    rig.answer(ticket, Answer::Rows(Ok(late)));
    rig.serve();
    let said = rig.said(7);
    assert!(said.contains("for two") && !said.contains("private"), "{said}");
}

#[test]
fn a_take_over_by_an_original_client_shows_a_message_once() {
    let mut rig = Rig::new(2);
    rig.plain(1);
    rig.plain(2);
    rig.ask(1, r#"{"msgid":1005,"toid":2,"msg":"once","mid":"a"}"#);
    rig.wait(Duration::from_millis(1600));
    let deposit = rig.work.pop_front().unwrap();
    rig.open(9);
    rig.send(9, r#"{"msgid":1000,"id":2,"password":"secret","force":true}"#);
    rig.serve_until(|request| matches!(request, (_, Request::Write(Write::UserBarrier { .. }))));
    rig.work.push_front(deposit);
    rig.serve();
    let said = rig.said(9);
    assert_eq!(said.matches("once").count(), 1, "{said}");
}

#[test]
fn who_logs_out_owing_may_log_in_again_on_the_same_connection() {
    let mut rig = Rig::new(2);
    rig.plain(1);
    rig.acknowledging(2);
    rig.send(1, r#"{"msgid":1005,"toid":2,"msg":"unsettled"}"#);
    rig.ask(1, r#"{"msgid":1002}"#);
    assert_eq!(rig.ask(1, LOGIN), r#"{"msgid":1001,"errno":0,"id":1,"name":"user1"}"#);
    assert!(rig.closed.is_empty(), "nobody took the account over");
}

#[test]
fn an_answer_that_comes_late_is_not_for_the_next_user_of_the_connection() {
    let mut rig = Rig::new(3);
    rig.plain(1);
    rig.acknowledging(2);
    rig.send(1, r#"{"msgid":1005,"toid":2,"msg":"from 1","mid":"a"}"#);
    rig.ask(1, r#"{"msgid":1002}"#);
    rig.ask(1, r#"{"msgid":1000,"id":3,"password":"secret"}"#);
    rig.ask(2, r#"{"msgid":1011,"seq":1}"#);
    assert_eq!(rig.said(1), "");
    rig.said(2);
    rig.send(1, r#"{"msgid":1005,"toid":2,"msg":"from 3","mid":"a"}"#);
    assert!(rig.said(2).contains("from 3"), "the mid is new from this user");
}
