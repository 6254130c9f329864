use crate::support::{FakeServer, LOGIN, Program};
use chatproto::{Credentials, Errno, LoginAnswer, RegisterAnswer, Request, UserId};
use std::net::TcpListener;
use std::process::Command;

#[test]
fn without_a_server_the_program_says_so_and_ends() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let (lines, status) = Program::start(port, &[]).wait_for_end();
    assert_eq!(lines, ["cannot connect: connection refused"]);
    assert_eq!(status.code(), Some(1));
}

#[test]
fn help_and_version_need_no_server() {
    for flag in ["--help", "--version"] {
        let output = Command::new(env!("CARGO_BIN_EXE_ChatClient")).arg(flag).output().unwrap();
        assert!(output.status.success());
        assert!(String::from_utf8(output.stdout).unwrap().contains("ChatClient"));
    }
}

#[test]
fn a_user_registers_and_leaves() {
    let server = FakeServer::start();
    let mut program = Program::start(server.port, &[]);
    let mut peer = server.accept();
    program.type_lines("register\n2\n\nli si\npass word\n");
    program.wait_for("please type 1, 2 or 3");
    program.wait_for("a name has 1 to 50 characters");
    program.wait_for("password:");
    let (mid, request) = peer.read();
    let expected = Request::Register { name: "li si".into(), password: "pass word".into() };
    assert_eq!(request, expected);
    let answer =
        RegisterAnswer { mid: mid.as_deref(), id: Some(UserId(22)), ..RegisterAnswer::default() };
    peer.write(|out| answer.write(out));
    program.wait_for("li si is registered; the user id is 22, do not forget it!");
    program.type_lines("3\n");
    let (_, status) = program.wait_for_end();
    assert_eq!(status.code(), Some(0));
    assert_eq!(peer.try_read(), None);
}

#[test]
fn an_account_that_is_online_is_left_alone_unless_forced() {
    for (flags, force) in [(&[][..], false), (&["--force"], true)] {
        let server = FakeServer::start();
        let mut program = Program::start(server.port, flags);
        let mut peer = server.accept();
        program.type_lines(LOGIN);
        let (mid, request) = peer.read();
        let Request::Login(login) = request else { panic!("{request:?}") };
        assert_eq!((login.ack, login.force), (true, force));
        let secret = Credentials::Password { id: UserId(1), password: "secret".into() };
        assert_eq!(login.credentials, secret);
        let errno = Errno::AlreadyOnline;
        let answer = LoginAnswer { mid: mid.as_deref(), errno, ..LoginAnswer::default() };
        peer.write(|out| answer.write(out));
        program.wait_for("this account is online elsewhere");
        program.end_input();
        assert_eq!(program.wait_for_end().1.code(), Some(0));
    }
}
