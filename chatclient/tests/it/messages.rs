use crate::support::{FakeServer, LOGIN, Program, chat, group_chat};
use chatproto::{
    Answer, ChatObject, Delivery, FriendEntry, GroupEntry, GroupId, LoginAnswer, MemberEntry,
    Request, Role, UserId, ping,
};

#[test]
fn a_whole_evening() {
    let server = FakeServer::start();
    let mut program = Program::start(server.port, &[]);
    let mut peer = server.accept();
    program.type_lines(LOGIN);
    let (mid, _) = peer.read();
    let friends = [FriendEntry { id: UserId(2), name: "bob".to_owned(), online: true }];
    let member =
        MemberEntry { id: UserId(1), name: "ann".to_owned(), online: true, role: Role::Creator };
    let (name, description) = ("tea".to_owned(), "about tea".to_owned());
    let groups = [GroupEntry { id: GroupId(5), name, description, users: vec![member] }];
    let answer = LoginAnswer {
        mid: mid.as_deref(),
        id: Some(UserId(1)),
        name: "ann",
        friends: &friends,
        groups: &groups,
        token: Some("t"),
        ..LoginAnswer::default()
    };
    peer.write(|out| answer.write(out));
    program.wait_for("current login user => id:1 name:ann");
    program.wait_for("2 bob online");
    program.wait_for("5 tea about tea");
    program.wait_for("1 ann online creator");

    peer.push("你好 \"quoted\"", 1, "m1");
    assert_eq!(program.wait_for("said:"), "now [2]bob said: 你好 \"quoted\"");
    peer.wait_for_received(1);

    program.type_lines("help\nnonsense\nchat:2:a:b \\ \"c\" 😀\n");
    program.wait_for("creategroup:groupname:groupdesc");
    program.wait_for("no such command");
    let (mid, request) = peer.read();
    assert_eq!(request, chat(2, "a:b \\ \"c\" 😀"));
    let state = Some(Delivery::Stored);
    peer.write(|out| Answer { mid: mid.as_deref(), state, ..Answer::default() }.write(out));
    program.wait_for("stored until the user is online");

    program.type_lines("creategroup:news:what is new\naddfriend:7\naddgroup:9\ngroupchat:9:hi\n");
    let (mid, request) = peer.read();
    assert!(matches!(request, Request::CreateGroup { .. }));
    let group = Some(GroupId(9));
    peer.write(|out| Answer { mid: mid.as_deref(), group, ..Answer::default() }.write(out));
    program.wait_for("the group id is 9");
    assert_eq!(peer.accept_request(), Request::AddFriend { id: None, friend: UserId(7) });
    assert_eq!(peer.accept_request(), Request::JoinGroup { id: None, group: GroupId(9) });
    assert_eq!(peer.accept_request(), group_chat(9, "hi"));
    program.wait_for("message to group 9 \"hi\": ok");

    program.type_lines("loginout\n3\n");
    peer.accept_logout();
    program.wait_for("logged out");
    assert_eq!(program.wait_for_end().1.code(), Some(0));
}

#[test]
fn objects_may_arrive_byte_by_byte_or_many_at_once() {
    let server = FakeServer::start();
    let mut program = Program::start(server.port, &[]);
    let mut peer = server.accept();
    program.type_lines(LOGIN);
    peer.accept_login();
    let mut bytes = Vec::new();
    let messages: Vec<_> = (1..=20).map(|number| format!("number {number}.")).collect();
    for (seq, msg) in (1..).zip(&messages) {
        let object = ChatObject::direct(UserId(2), "bob", UserId(1), msg, "now");
        object.write_acknowledged(&mut bytes, seq, "s", msg);
    }
    ping(&mut bytes);
    let (piecemeal, at_once) = bytes.split_at(bytes.len() / 2);
    for byte in piecemeal {
        peer.write_bytes(&[*byte]);
    }
    peer.write_bytes(at_once);
    for msg in &messages {
        assert_eq!(program.wait_for("said:"), format!("now [2]bob said: {msg}"));
    }
    let mut acknowledged = 0;
    let mut has_ponged = false;
    while acknowledged < 20 || !has_ponged {
        match peer.read().1 {
            Request::Received { seq } => acknowledged = seq,
            Request::Pong => has_ponged = true,
            other => panic!("{other:?}"),
        }
    }
    program.end_input();
    peer.accept_logout();
    assert_eq!(program.wait_for_end().1.code(), Some(0));
}

#[test]
fn control_characters_of_others_do_not_reach_the_terminal() {
    let server = FakeServer::start();
    let mut program = Program::start(server.port, &[]);
    let mut peer = server.accept();
    program.type_lines(LOGIN);
    peer.accept_login();
    peer.push("\x1b]0;x\x07 \r\n\u{9b}31m \u{202e}\u{2066}\u{7f}", 1, "m1");
    let line = program.wait_for("said:");
    assert!(!line.chars().any(char::is_control), "{line:?}");
    assert!(!line.contains(['\u{202e}', '\u{2066}']), "{line:?}");
    peer.wait_for_received(1);
    program.end_input();
    peer.accept_logout();
    assert_eq!(program.wait_for_end().1.code(), Some(0));
}

#[test]
fn thousands_of_lines_are_sent_in_order() {
    const LINES: usize = 3000;
    let server = FakeServer::start();
    let mut program = Program::start(server.port, &[]);
    let mut peer = server.accept();
    program.type_lines(LOGIN);
    peer.accept_login();
    // The client stops reading its input when too much is unanswered, so that writing it all
    // here would wait for the answers below.
    let typing = std::thread::spawn(move || {
        for number in 0..LINES {
            program.type_lines(&format!("chat:{}:{number}\n", number % 3));
        }
        program.end_input();
        program
    });
    let mut next = [0, 1, 2];
    for _ in 0..LINES {
        let request = peer.accept_request();
        let Request::Chat { to, msg, .. } = request else { panic!("{request:?}") };
        let expected = &mut next[to.0 as usize];
        assert_eq!(msg, expected.to_string());
        *expected += 3;
    }
    peer.accept_logout();
    let (_, status) = typing.join().unwrap().wait_for_end();
    assert_eq!(status.code(), Some(0));
}
