use super::*;
use crate::{Answer, ChatObject, Errno, LoginAnswer, RegisterAnswer};
use proptest::prelude::*;

fn ok() -> Status {
    Status { code: 0, errmsg: None, retry_ms: None }
}

fn friends() -> Vec<FriendEntry> {
    let name = "王\"五\\\n".to_owned();
    vec![
        FriendEntry { id: UserId(2), name, online: true },
        FriendEntry { id: UserId(3), name: "b".to_owned(), online: false },
    ]
}

fn groups() -> Vec<GroupEntry> {
    let member =
        |id, online, role| MemberEntry { id: UserId(id), name: format!("\"{id}\""), online, role };
    vec![GroupEntry {
        id: GroupId(1),
        name: "g".to_owned(),
        description: "\\\"".to_owned(),
        users: vec![member(1, true, Role::Creator), member(2, false, Role::Normal)],
    }]
}

#[test]
fn a_login_answer_is_read_as_it_was_written() {
    let chat = ChatObject::direct(UserId(2), "\"", UserId(1), "a\"b\\c\n", "t").text();
    let mut out = Vec::new();
    LoginAnswer {
        mid: Some("m"),
        id: Some(UserId(1)),
        name: "ann",
        friends: &friends(),
        groups: &groups(),
        offline: &[&chat],
        token: Some("tok"),
        ..LoginAnswer::default()
    }
    .write(&mut out);
    let offline = Chat {
        from: UserId(2),
        name: "\"".to_owned(),
        target: Target::User(UserId(1)),
        msg: "a\"b\\c\n".to_owned(),
        time: "t".to_owned(),
        seq: None,
        sid: None,
        mid: None,
    };
    let expected = LoginOutcome {
        mid: Some("m".to_owned()),
        status: ok(),
        id: Some(UserId(1)),
        name: Some("ann".to_owned()),
        friends: friends(),
        groups: groups(),
        offline: vec![offline],
        token: Some("tok".to_owned()),
    };
    assert_eq!(decode_event(&out), Ok(Event::LoginAnswer(expected)));
}

#[test]
fn answers_are_read_as_they_were_written() {
    let mut out = Vec::new();
    let (group, state) = (Some(GroupId(7)), Some(Delivery::Stored));
    Answer { mid: Some("m"), group, state, ..Answer::default() }.write(&mut out);
    let mid = Some("m".to_owned());
    assert_eq!(
        decode_event(&out),
        Ok(Event::Answer { mid: mid.clone(), status: ok(), group, state })
    );

    out.clear();
    Answer { errno: Errno::Busy, retry_ms: Some(250), ..Answer::default() }.write(&mut out);
    let errmsg = Some(Errno::Busy.to_string());
    let status = Status { code: 106, errmsg, retry_ms: Some(250) };
    assert_eq!(status.errno(), Some(Errno::Busy));
    let expected = Event::Answer { mid: None, status, group: None, state: None };
    assert_eq!(decode_event(&out), Ok(expected));

    out.clear();
    RegisterAnswer { mid: Some("m"), id: Some(UserId(9)), ..RegisterAnswer::default() }
        .write(&mut out);
    let expected = Event::RegisterAnswer { mid, status: ok(), id: Some(UserId(9)) };
    assert_eq!(decode_event(&out), Ok(expected));
}

#[test]
fn what_is_new_is_tolerated() {
    let check =
        |text: &str, expected: Event| assert_eq!(decode_event(text.as_bytes()), Ok(expected));
    check(r#"{"msgid":1012,"x":{"y":1e999}}"#, Event::Ping);
    check(r#"{"msgid":2000,"toid":1}"#, Event::Unknown(2000));
    let status = Status { code: 999, errmsg: None, retry_ms: None };
    assert_eq!(status.errno(), None);
    check(r#"{"msgid":1014,"errno":999}"#, Event::Goodbye { status });
}

#[test]
fn what_is_wrong_is_told() {
    let check = |text: &str, expected: &str| match decode_event(text.as_bytes()) {
        Err(DecodeError::Wrong { why, .. }) => assert!(why.starts_with(expected), "{text}: {why}"),
        other => panic!("{text}: {other:?}"),
    };
    check("{}", "msgid is missing");
    check(r#"{"msgid":1010}"#, "errno is missing");
    check(r#"{"msgid":1010,"errno":"0"}"#, "invalid type");
    check(r#"{"msgid":1005,"id":1,"name":"a","msg":"b"}"#, "toid is missing");
    check(r#"{"msgid":1001,"errno":0,"friends":["{}"]}"#, "id is missing");
    assert_eq!(decode_event(b"[]"), Err(DecodeError::Malformed));
    assert_eq!(decode_event(b"{\"msgid\":1012"), Err(DecodeError::Malformed));
}

proptest! {
    #[test]
    fn a_chat_is_read_as_it_was_written(
        from: i64, to: i64, is_group: bool, name: String, msg: String, time: String,
        seq: u64, sid: String, mid: String,
    ) {
        let (object, target) = if is_group {
            let group = GroupId(to);
            (ChatObject::group(UserId(from), &name, group, &msg, &time), Target::Group(group))
        } else {
            let to = UserId(to);
            (ChatObject::direct(UserId(from), &name, to, &msg, &time), Target::User(to))
        };
        let mut line = Vec::new();
        object.write_acknowledged(&mut line, seq, &sid, &mid);
        prop_assert!(!line.contains(&0) && line.iter().filter(|byte| **byte == b'\n').count() == 1);
        let mut chat = Chat {
            from: UserId(from), name, target, msg, time,
            seq: Some(seq), sid: Some(sid), mid: Some(mid),
        };
        prop_assert_eq!(decode_event(&line), Ok(Event::Chat(chat.clone())));
        // What one recipient was given is stored without what is that recipient's own.
        prop_assert_eq!(
            ChatObject::from_text(&line).map(|chat| decode_event(chat.text().as_bytes())),
            ChatObject::from_text(object.text().as_bytes()).map(|chat| decode_event(chat.text().as_bytes()))
        );

        line.clear();
        object.write_plain(&mut line);
        (chat.seq, chat.sid, chat.mid) = (None, None, None);
        prop_assert_eq!(decode_event(&line), Ok(Event::Chat(chat)));
    }

    #[test]
    fn arbitrary_bytes_never_panic(text in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_event(&text);
    }
}
