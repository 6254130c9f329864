//! A client that speaks the wire protocol over a blocking socket, and checks on every object
//! that the server frames as it promised.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use socket2::SockRef;

use testbed::log_tail;

/// How long anything may take that must happen.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// A mid that nobody used before.
pub(crate) fn fresh_mid() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("m{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// What came from the server.
#[derive(Debug)]
pub(crate) enum Incoming {
    Object(Value),
    /// The server closed or reset the connection.
    Closed,
    /// Nothing until the deadline.
    Nothing,
}

/// One connection to a server.
pub(crate) struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
    /// Came while something else was waited for.
    early: VecDeque<Value>,
    log: PathBuf,
    /// Whether the server may end in the middle of an object, because the test kills it.
    may_be_cut: bool,
    /// The answer to the login; null before.
    pub(crate) greeting: Value,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr, log: &Path) -> Self {
        let client = Self::try_connect(address, log);
        client.unwrap_or_else(|error| panic!("connect to {address}: {error}"))
    }

    pub(crate) fn try_connect(address: SocketAddr, log: &Path) -> std::io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, DEADLINE)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(DEADLINE * 3))?;
        Ok(Self {
            stream,
            unread: Vec::new(),
            early: VecDeque::new(),
            log: log.to_owned(),
            may_be_cut: false,
            greeting: Value::Null,
        })
    }

    /// Takes the end of the stream in the middle of an object for an end like any other.
    pub(crate) fn may_be_cut(mut self) -> Self {
        self.may_be_cut = true;
        self
    }

    /// Fails the test with the end of the server's log.
    pub(crate) fn fail(&self, what: &str) -> ! {
        let early: Vec<String> = self.early.iter().take(10).map(shortened).collect();
        let log = log_tail(&self.log);
        panic!("{what}\nearlier, unasked for: {early:#?}\nlog:\n{log}");
    }

    pub(crate) fn id(&self) -> i64 {
        self.greeting["id"].as_i64().expect("logged in")
    }

    pub(crate) fn token(&self) -> String {
        self.greeting["token"].as_str().expect("an ack login has a token").to_owned()
    }

    // Sending.

    pub(crate) fn try_send_bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        if let Err(error) = self.try_send_bytes(bytes) {
            self.fail(&format!("sending {} bytes: {error}", bytes.len()));
        }
    }

    /// Sends one object and a newline.
    pub(crate) fn send(&mut self, object: &Value) {
        self.send_bytes(format!("{object}\n").as_bytes());
    }

    /// Sends `object` with a fresh mid, which it returns.
    pub(crate) fn send_with_mid(&mut self, mut object: Value) -> String {
        let mid = fresh_mid();
        object["mid"] = json!(mid);
        self.send(&object);
        mid
    }

    /// Sends `object` with a fresh mid and waits for the answer to it.
    pub(crate) fn request(&mut self, object: Value) -> Value {
        let mid = self.send_with_mid(object);
        self.answer(&mid)
    }

    // Receiving.

    /// The next object in the order of arrival.
    pub(crate) fn receive(&mut self, limit: Duration) -> Incoming {
        match self.early.pop_front() {
            Some(object) => Incoming::Object(object),
            None => self.receive_fresh(Instant::now() + limit),
        }
    }

    fn receive_fresh(&mut self, deadline: Instant) -> Incoming {
        let mut searched = 0;
        loop {
            if let Some(at) = self.unread[searched..].iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=searched + at).collect();
                return Incoming::Object(self.decode(&line[..line.len() - 1]));
            }
            searched = self.unread.len();
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Incoming::Nothing;
            }
            self.stream.set_read_timeout(Some(left)).expect("the time is not zero");
            let mut block = [0; 16 * 1024];
            match self.stream.read(&mut block) {
                Ok(0) if self.unread.is_empty() || self.may_be_cut => return Incoming::Closed,
                Ok(0) => self.fail("the server closed in the middle of an object"),
                Ok(count) => self.unread.extend_from_slice(&block[..count]),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
                    _ => return Incoming::Closed,
                },
            }
        }
    }

    /// The server ends each object with exactly one newline and never sends a NUL.
    fn decode(&self, line: &[u8]) -> Value {
        let shown = String::from_utf8_lossy(line);
        let tight = line.first() == Some(&b'{') && line.last() == Some(&b'}');
        if !tight || line.contains(&0) {
            self.fail(&format!("not one object and one newline: {shown:?}"));
        }
        match serde_json::from_slice(line) {
            Ok(object) => object,
            Err(error) => self.fail(&format!("{error} in {shown:?}")),
        }
    }

    /// The next object for which `wanted` holds; the others stay to be asked for.
    pub(crate) fn find(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.find_within(DEADLINE, what, wanted)
    }

    /// As [`Self::find`], for what may take its time.
    pub(crate) fn find_within(
        &mut self,
        limit: Duration,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        if let Some(at) = self.early.iter().position(&wanted) {
            return self.early.remove(at).expect("found there");
        }
        let deadline = Instant::now() + limit;
        loop {
            match self.receive_fresh(deadline) {
                Incoming::Object(object) if wanted(&object) => return object,
                Incoming::Object(object) => self.early.push_back(object),
                Incoming::Closed => self.fail(&format!("closed while waiting for {what}")),
                Incoming::Nothing => self.fail(&format!("{what} did not come")),
            }
        }
    }

    /// The next object with this msgid.
    pub(crate) fn expect(&mut self, msgid: i64) -> Value {
        self.find(&format!("a {msgid}"), |object| object["msgid"] == msgid)
    }

    /// The next object, whatever it is.
    pub(crate) fn next(&mut self) -> Value {
        self.find("anything", |_| true)
    }

    /// The answer to the request `mid`: a 1001, 1004 or 1010.
    pub(crate) fn answer(&mut self, mid: &str) -> Value {
        self.find(&format!("the answer to {mid}"), |object| {
            object["mid"] == mid && [1001, 1004, 1010].map(Value::from).contains(&object["msgid"])
        })
    }

    /// Pings, waits for the pong, and returns what stood before it and was not asked for yet.
    pub(crate) fn fence(&mut self) -> Vec<Value> {
        self.send(&json!({"msgid": 1012}));
        self.expect(1013);
        self.drain_early()
    }

    /// What came while something else was waited for and was not asked for yet.
    pub(crate) fn drain_early(&mut self) -> Vec<Value> {
        self.early.drain(..).collect()
    }

    /// Fails unless the server closes the connection; returns what came before that.
    pub(crate) fn expect_closed(&mut self) -> Vec<Value> {
        let mut before = self.drain_early();
        let deadline = Instant::now() + DEADLINE;
        loop {
            match self.receive_fresh(deadline) {
                Incoming::Object(object) => before.push(object),
                Incoming::Closed => return before,
                Incoming::Nothing => {
                    let came: Vec<String> = before.iter().take(10).map(shortened).collect();
                    self.fail(&format!("was not closed; came: {came:#?}"));
                }
            }
        }
    }

    // Leaving.

    /// Logs out; the connection stays open.
    pub(crate) fn logout(&mut self) {
        let answer = self.request(json!({"msgid": 1002}));
        assert_eq!(answer["errno"], 0, "logout was answered with {answer}");
    }

    /// Says that no more will be sent; the server's answers still come.
    pub(crate) fn shutdown_write(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("the connection is open");
    }

    /// How long one write may wait for the server to read.
    pub(crate) fn limit_writes(&self, limit: Duration) {
        self.stream.set_write_timeout(Some(limit)).expect("a connected socket takes options");
    }

    /// As [`Self::shutdown_write`], on a connection that the server may have closed already.
    pub(crate) fn end_of_sending(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Drops the connection with a reset, as a crashing machine behind a router does.
    pub(crate) fn reset(self) {
        let linger = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        linger.expect("a connected socket takes options");
    }

    /// Makes the kernel hold little of what is not read. Before the flood, not after. Less than a
    /// few of loopback's segments of 64 KiB would make reading itself slow.
    pub(crate) fn shrink_receive_buffer(&self) {
        let shrunk = SockRef::from(&self.stream).set_recv_buffer_size(256 * 1024);
        shrunk.expect("a connected socket takes options");
    }
}

/// For people: long texts cut off.
fn shortened(object: &Value) -> String {
    let text = object.to_string();
    let cut = text.char_indices().nth(300).map_or(text.len(), |(at, _)| at);
    text[..cut].to_owned()
}
