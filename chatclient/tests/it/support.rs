//! The program as a child process, and the server's side of its connections.

use chatproto::{
    Answer, ChatObject, Credentials, Envelope, Framer, GroupId, Login, LoginAnswer, Request, Scan,
    UserId, decode,
};
use std::borrow::Cow;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running ChatClient.
pub(crate) struct Program {
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<String>,
}

impl Program {
    pub(crate) fn start(port: u16, flags: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ChatClient"))
            .args(["127.0.0.1", &port.to_string()])
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (lines, output) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in stdout.lines() {
                if lines.send(line.unwrap()).is_err() {
                    break;
                }
            }
        });
        Self { input: child.stdin.take(), child, output }
    }

    pub(crate) fn type_lines(&mut self, lines: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(lines.as_bytes()).unwrap();
        input.flush().unwrap();
    }

    pub(crate) fn end_input(&mut self) {
        self.input = None;
    }

    /// Reads lines up to one that contains `part`; that line.
    pub(crate) fn wait_for(&self, part: &str) -> String {
        let mut read = Vec::new();
        loop {
            let Ok(line) = self.output.recv_timeout(PATIENCE) else {
                panic!("no line with {part:?} in {read:#?}")
            };
            if line.contains(part) {
                return line;
            }
            read.push(line);
        }
    }

    /// What is written until the program ends, and how it ends.
    pub(crate) fn wait_for_end(mut self) -> (Vec<String>, ExitStatus) {
        let mut lines = Vec::new();
        while let Ok(line) = self.output.recv_timeout(PATIENCE) {
            lines.push(line);
        }
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (lines, status);
            }
            thread::yield_now();
        }
        panic!("the program does not end after {lines:#?}");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // A test that failed must not leave it behind; one that ended is not there any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where the program connects to.
pub(crate) struct FakeServer {
    listener: TcpListener,
    pub(crate) port: u16,
}

impl FakeServer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        Self { listener, port }
    }

    pub(crate) fn accept(&self) -> Peer {
        let (stream, _) = self.listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Peer { stream, framer: Framer::new(64 * 1024), unread: Vec::new() }
    }
}

/// The server's side of one connection.
pub(crate) struct Peer {
    stream: TcpStream,
    framer: Framer,
    unread: Vec<u8>,
}

/// A request and its mid.
pub(crate) type Asked = (Option<String>, Request<'static>);

impl Peer {
    /// The next request; pings of a slow test are none.
    pub(crate) fn read(&mut self) -> Asked {
        self.try_read().expect("the client should not have closed the connection")
    }

    /// The next request, or None when the client closed the connection.
    pub(crate) fn try_read(&mut self) -> Option<Asked> {
        loop {
            match self.framer.scan(&self.unread).unwrap() {
                Scan::Object { text, consumed } => {
                    let asked = owned(text);
                    self.unread.drain(..consumed);
                    return Some(asked);
                }
                Scan::Incomplete { consumed } => {
                    self.unread.drain(..consumed);
                }
            }
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(count) => self.unread.extend_from_slice(&chunk[..count]),
                Err(error) => panic!("no request came: {error}"),
            }
        }
    }

    pub(crate) fn write(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = Vec::new();
        write(&mut bytes);
        self.write_bytes(&bytes);
    }

    pub(crate) fn write_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Reads a login and accepts it as user 1 with token `t`.
    pub(crate) fn accept_login(&mut self) -> Login<'static> {
        let (mid, request) = self.read();
        let Request::Login(login) = request else { panic!("{request:?}") };
        let answer = LoginAnswer {
            mid: mid.as_deref(),
            id: Some(UserId(1)),
            name: "ann",
            token: Some("t"),
            ..LoginAnswer::default()
        };
        self.write(|out| answer.write(out));
        login
    }

    pub(crate) fn accept_token(&mut self) {
        let login = self.accept_login();
        assert_eq!(login.credentials, Credentials::Token("t".into()));
    }

    /// Reads a request and answers that it is done.
    pub(crate) fn accept_request(&mut self) -> Request<'static> {
        let (mid, request) = self.read();
        self.write(|out| Answer { mid: mid.as_deref(), ..Answer::default() }.write(out));
        request
    }

    pub(crate) fn accept_logout(&mut self) {
        assert_eq!(self.accept_request(), Request::Logout { id: None });
    }

    /// Pushes a message of user 2.
    pub(crate) fn push(&mut self, msg: &str, seq: u64, mid: &str) {
        let chat = ChatObject::direct(UserId(2), "bob", UserId(1), msg, "now");
        self.write(|out| chat.write_acknowledged(out, seq, "s", mid));
    }

    /// Reads acknowledgements up to `seq`.
    pub(crate) fn wait_for_received(&mut self, seq: u64) {
        loop {
            let (_, request) = self.read();
            let Request::Received { seq: received } = request else { panic!("{request:?}") };
            assert!(received <= seq);
            if received == seq {
                return;
            }
        }
    }
}

pub(crate) const LOGIN: &str = "1\n1\nsecret\n";

pub(crate) fn chat(to: i64, msg: &str) -> Request<'static> {
    Request::Chat { id: None, to: UserId(to), msg: msg.to_owned().into(), time: None }
}

pub(crate) fn group_chat(group: i64, msg: &str) -> Request<'static> {
    Request::GroupChat { id: None, group: GroupId(group), msg: msg.to_owned().into(), time: None }
}

/// The request, free of the text that it was read from.
fn owned(text: &[u8]) -> Asked {
    let Envelope { mid, request } = decode(text).unwrap();
    let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
    let request = match request {
        Request::Login(Login { credentials, ack, force }) => {
            let credentials = match credentials {
                Credentials::Password { id, password } => {
                    Credentials::Password { id, password: own(password) }
                }
                Credentials::Token(token) => Credentials::Token(own(token)),
            };
            Request::Login(Login { credentials, ack, force })
        }
        Request::Register { name, password } => {
            Request::Register { name: own(name), password: own(password) }
        }
        Request::Chat { id, to, msg, time } => {
            Request::Chat { id, to, msg: own(msg), time: time.map(own) }
        }
        Request::GroupChat { id, group, msg, time } => {
            Request::GroupChat { id, group, msg: own(msg), time: time.map(own) }
        }
        Request::CreateGroup { id, name, description } => {
            Request::CreateGroup { id, name: own(name), description: own(description) }
        }
        Request::Logout { id } => Request::Logout { id },
        Request::AddFriend { id, friend } => Request::AddFriend { id, friend },
        Request::JoinGroup { id, group } => Request::JoinGroup { id, group },
        Request::Received { seq } => Request::Received { seq },
        Request::Ping => Request::Ping,
        Request::Pong => Request::Pong,
    };
    (mid.map(Cow::into_owned), request)
}
