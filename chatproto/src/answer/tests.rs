use super::*;
use crate::{MemberEntry, Role};

fn check(write: impl Fn(&mut Vec<u8>), expected: &str) {
    let mut out = Vec::new();
    write(&mut out);
    assert_eq!(String::from_utf8(out).unwrap(), format!("{expected}\n"));
}

#[test]
fn answers() {
    check(|out| Answer::default().write(out), r#"{"msgid":1010,"errno":0}"#);
    let created = Answer { mid: Some("a\""), group: Some(GroupId(5)), ..Answer::default() };
    check(|out| created.write(out), r#"{"msgid":1010,"mid":"a\"","errno":0,"groupid":5}"#);
    let state = Some(Delivery::Delivered);
    let delivered = Answer { mid: Some("m"), state, ..Answer::default() };
    check(|out| delivered.write(out), r#"{"msgid":1010,"mid":"m","errno":0,"state":"delivered"}"#);
    let busy = Answer { errno: Errno::Busy, retry_ms: Some(9), ..Answer::default() };
    check(
        |out| busy.write(out),
        r#"{"msgid":1010,"errno":106,"errmsg":"busy, try again later","retry_ms":9}"#,
    );
    let wrong = Answer { errno: Errno::BadRequest, errmsg: Some("no\nt"), ..Answer::default() };
    check(|out| wrong.write(out), r#"{"msgid":1010,"errno":100,"errmsg":"no\nt"}"#);
}

#[test]
fn registrations() {
    let done = RegisterAnswer { id: Some(UserId(22)), ..RegisterAnswer::default() };
    check(|out| done.write(out), r#"{"msgid":1004,"errno":0,"id":22}"#);
    let refused = RegisterAnswer { errno: Errno::Refused, ..RegisterAnswer::default() };
    check(|out| refused.write(out), r#"{"msgid":1004,"errno":1,"errmsg":"refused"}"#);
}

#[test]
fn a_login_lists_entries_as_texts_and_leaves_out_empty_ones() {
    let bare = LoginAnswer { id: Some(UserId(1)), name: "ann", ..LoginAnswer::default() };
    check(|out| bare.write(out), r#"{"msgid":1001,"errno":0,"id":1,"name":"ann"}"#);

    let friends = [FriendEntry { id: UserId(2), name: "bob".to_owned(), online: true }];
    let member =
        MemberEntry { id: UserId(1), name: "ann".to_owned(), online: false, role: Role::Creator };
    let group = GroupEntry {
        id: GroupId(3),
        name: "g".to_owned(),
        description: String::new(),
        users: vec![member],
    };
    let full = LoginAnswer { friends: &friends, groups: &[group], offline: &["{}"], ..bare };
    let expected = concat!(
        r#"{"msgid":1001,"errno":0,"id":1,"name":"ann","#,
        r#""friends":["{\"id\":2,\"name\":\"bob\",\"state\":\"online\"}"],"#,
        r#""groups":["{\"id\":3,\"groupname\":\"g\",\"groupdesc\":\"\",\"users\":"#,
        r#"[\"{\\\"id\\\":1,\\\"name\\\":\\\"ann\\\",\\\"state\\\":\\\"offline\\\","#,
        r#"\\\"role\\\":\\\"creator\\\"}\"]}"],"offlinemsg":["{}"]}"#,
    );
    check(|out| full.write(out), expected);
}

#[test]
fn a_refused_login_tells_nothing_of_the_account() {
    let online = LoginAnswer {
        errno: Errno::AlreadyOnline,
        id: Some(UserId(1)),
        name: "ann",
        token: Some("t"),
        ..LoginAnswer::default()
    };
    check(
        |out| online.write(out),
        r#"{"msgid":1001,"errno":2,"errmsg":"this account is using, input another!"}"#,
    );
}
