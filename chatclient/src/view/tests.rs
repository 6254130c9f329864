use super::*;
use chatproto::{GroupId, Role, UserId};
use std::time::Duration;

fn check(notice: &Notice, expected: &str) {
    assert_eq!(render(notice), format!("{expected}\n"), "{notice:?}");
}

fn status(code: i64, errmsg: Option<&str>) -> Status {
    Status { code, errmsg: errmsg.map(str::to_owned), retry_ms: None }
}

fn message(target: Target, msg: &str) -> Notice {
    Notice::Chat(Box::new(Chat {
        from: UserId(13),
        name: "ann\x1b[2J".to_owned(),
        target,
        msg: msg.to_owned(),
        time: "2026-01-02 03:04:05".to_owned(),
        seq: None,
        sid: None,
        mid: None,
    }))
}

fn settled(request: Request<'static>, code: i64) -> Settled {
    Settled { request, status: status(code, None), state: None, group: None, was_repeated: false }
}

fn hello() -> Request<'static> {
    Request::Chat { id: None, to: UserId(2), msg: "hello".into(), time: None }
}

#[test]
fn messages_are_one_harmless_line() {
    check(
        &message(Target::User(UserId(1)), "hi\n2026-01-02 [1]root said: \u{202e}x"),
        "2026-01-02 03:04:05 [13]ann␛[2J said: hi␊2026-01-02 [1]root said: \u{fffd}x",
    );
    check(
        &message(Target::Group(GroupId(5)), "你好"),
        "group message[5]: 2026-01-02 03:04:05 [13]ann␛[2J said: 你好",
    );
}

#[test]
fn every_request_is_answered_in_plain_words() {
    let check =
        |settled: Settled, expected: &str| check(&Notice::Settled(Box::new(settled)), expected);
    let delivered = Settled { state: Some(Delivery::Delivered), ..settled(hello(), 0) };
    check(delivered, "message to user 2 \"hello\": delivered");
    let stored = Settled { state: Some(Delivery::Stored), ..settled(hello(), 0) };
    check(stored, "message to user 2 \"hello\": stored until the user is online");
    check(settled(hello(), 0), "message to user 2 \"hello\": ok");
    check(settled(hello(), 103), "message to user 2 \"hello\" failed: no such user");
    check(settled(hello(), 999), "message to user 2 \"hello\" failed: error 999");
    let group = Request::CreateGroup { id: None, name: "g\n".into(), description: "".into() };
    let created = Settled { group: Some(GroupId(4)), ..settled(group.clone(), 0) };
    check(created, "group \"g␊\": created, the group id is 4");
    let taken = Settled { was_repeated: true, ..settled(group, 108) };
    check(
        taken,
        "group \"g␊\" failed: name taken (perhaps by this very request, whose first answer was lost)",
    );
    let friend = Request::AddFriend { id: None, friend: UserId(3) };
    check(settled(friend, 0), "adding friend 3: ok");
}

#[test]
fn reasons_are_the_servers_words_or_ours() {
    check(&Notice::LoginRefused(status(1, Some("wrong\x07"))), "login failed: wrong␇");
    check(&Notice::LoginRefused(status(1, None)), "login failed: wrong user id or password");
    let refused = status(1, Some("refused"));
    check(
        &Notice::RegistrationRefused(refused),
        "registration failed: the name is taken or not allowed",
    );
    check(
        &Notice::ServerError(status(101, Some(""))),
        "the server reports an error: not logged in",
    );
    let wait = Duration::from_millis(1500);
    check(
        &Notice::Postponed { request: Box::new(hello()), wait },
        "message to user 2 \"hello\": the server is busy, trying again in 1.5 s",
    );
    check(&Notice::Unanswered(1), "no answer came to 1 request; a login from here sends again");
}

#[test]
fn a_login_shows_the_lists() {
    let member =
        MemberEntry { id: UserId(13), name: "ann".to_owned(), online: true, role: Role::Creator };
    let group = GroupEntry {
        id: GroupId(1),
        name: "g\x1b".to_owned(),
        description: "about".to_owned(),
        users: vec![member],
    };
    let outcome = LoginOutcome {
        mid: None,
        status: status(0, None),
        id: Some(UserId(13)),
        name: Some("ann".to_owned()),
        friends: vec![FriendEntry { id: UserId(2), name: "b".to_owned(), online: false }],
        groups: vec![group],
        offline: Vec::new(),
        token: None,
    };
    check(
        &Notice::LoggedIn(Box::new(outcome)),
        "\
======================login user======================
current login user => id:13 name:ann
----------------------friend list---------------------
2 b offline
----------------------group list----------------------
1 g␛ about
  13 ann online creator
======================================================
type help for a list of commands",
    );
}

#[test]
fn help_lists_every_command() {
    let text = render(&Notice::Help);
    for spec in COMMANDS {
        assert!(text.contains(&format!("{}{}", spec.name, spec.arguments)), "{text}");
    }
}
