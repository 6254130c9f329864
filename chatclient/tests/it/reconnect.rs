use crate::support::{FakeServer, LOGIN, Program, chat};
use chatproto::{Answer, Errno, Goodbye, LoginAnswer, Request};

#[test]
fn a_cut_connection_is_resumed_without_loss_or_repeat() {
    let server = FakeServer::start();
    let mut program = Program::start(server.port, &[]);
    let mut peer = server.accept();
    program.type_lines(LOGIN);
    peer.accept_login();
    peer.push("first", 1, "m1");
    program.wait_for("first");
    peer.wait_for_received(1);
    program.type_lines("chat:2:one\nchat:2:two\n");
    let (mid, request) = peer.read();
    assert_eq!(request, chat(2, "one"));
    drop(peer);
    program.wait_for("no connection");

    let mut peer = server.accept();
    peer.accept_token();
    program.wait_for("connected again");
    assert_eq!(peer.read(), (mid.clone(), chat(2, "one")));
    peer.push("first", 1, "m1");
    peer.push("second", 2, "m2");
    assert_eq!(program.wait_for("said:"), "now [2]bob said: second");
    peer.wait_for_received(2);
    peer.write(|out| Answer { mid: mid.as_deref(), ..Answer::default() }.write(out));
    assert_eq!(peer.accept_request(), chat(2, "two"));
    program.wait_for("\"two\": ok");
    program.end_input();
    peer.accept_logout();
    assert_eq!(program.wait_for_end().1.code(), Some(0));
}

#[test]
fn the_end_of_input_waits_for_answers() {
    let server = FakeServer::start();
    let mut program = Program::start(server.port, &[]);
    let mut peer = server.accept();
    program.type_lines(LOGIN);
    program.type_lines("chat:2:one\nchat:2:two\n");
    program.end_input();
    peer.accept_login();
    let (mid, one) = peer.read();
    let errno = Errno::StoreUnavailable;
    let refusal = Answer { mid: mid.as_deref(), errno, retry_ms: Some(30), ..Answer::default() };
    peer.write(|out| refusal.write(out));
    program.wait_for("trying again");
    assert_eq!(peer.read(), (mid.clone(), one));
    drop(peer);
    let mut peer = server.accept();
    peer.accept_token();
    assert_eq!(peer.accept_request(), chat(2, "one"));
    assert_eq!(peer.accept_request(), chat(2, "two"));
    peer.accept_logout();
    let (lines, status) = program.wait_for_end();
    assert_eq!(status.code(), Some(0), "{lines:#?}");
}

#[test]
fn a_login_elsewhere_leads_back_to_the_menu() {
    let server = FakeServer::start();
    let mut program = Program::start(server.port, &[]);
    let mut peer = server.accept();
    program.type_lines(LOGIN);
    peer.accept_login();
    program.wait_for("type help");
    peer.write(|out| Goodbye { errno: Errno::TakenOver, errmsg: None, retry_ms: None }.write(out));
    program.wait_for("this account logged in elsewhere");
    // The question for a command is still open; its answer is a choice of the menu.
    program.type_lines("1\n1\nsecret\n");
    let mut peer = server.accept();
    let login = peer.accept_login();
    assert!(!login.force);
    program.end_input();
    peer.accept_logout();
    assert_eq!(program.wait_for_end().1.code(), Some(0));
}

#[test]
fn a_server_that_shuts_down_is_returned_to() {
    let server = FakeServer::start();
    let mut program = Program::start(server.port, &[]);
    let mut peer = server.accept();
    program.type_lines(LOGIN);
    peer.accept_login();
    program.wait_for("type help");
    let goodbye = Goodbye { errno: Errno::ShuttingDown, errmsg: None, retry_ms: Some(50) };
    peer.write(|out| goodbye.write(out));
    program.wait_for("shutting down");
    assert_eq!(peer.try_read(), None);
    let mut peer = server.accept();
    peer.accept_token();
    program.wait_for("connected again");
    program.end_input();
    peer.accept_logout();
    assert_eq!(program.wait_for_end().1.code(), Some(0));
}

#[test]
fn a_token_that_is_refused_ends_the_session() {
    let server = FakeServer::start();
    let mut program = Program::start(server.port, &[]);
    let mut peer = server.accept();
    program.type_lines(LOGIN);
    peer.accept_login();
    program.wait_for("type help");
    drop(peer);
    let mut peer = server.accept();
    let (mid, request) = peer.read();
    assert!(matches!(request, Request::Login(_)));
    let refusal =
        LoginAnswer { mid: mid.as_deref(), errno: Errno::Refused, ..LoginAnswer::default() };
    peer.write(|out| refusal.write(out));
    program.wait_for("please log in again");
    program.end_input();
    assert_eq!(program.wait_for_end().1.code(), Some(0));
}
