//! The connection to the server: a thread connects and reads, the client's loop writes.

use crate::client::ClientEvent;
use chatproto::{DecodeError, Event, Framer, Scan, decode_event};
use crossbeam_channel::Sender;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream, ToSocketAddrs as _};
use std::thread;
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A server that takes nothing for so long is given up; the loop stands still meanwhile.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// A server is trusted with more than it trusts us with: a login answer lists all groups.
const OBJECT_BYTES_MAX: usize = 16 * 1024 * 1024;
const READ_BYTES: usize = 64 * 1024;

/// What happens to a connection.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    Up(TcpStream),
    Heard(Result<Event, DecodeError>),
    /// It failed or ended, and why; the last event.
    Down(String),
}

impl LinkEvent {
    /// Drops an event of a connection that was given up, and the connection if it has just come.
    pub(crate) fn discard(self) {
        if let Self::Up(stream) = self {
            shut_down(&stream);
        }
    }
}

/// The newest connection; what older ones still say is not heard.
#[derive(Debug)]
pub(crate) struct Link {
    host: String,
    port: u16,
    events: Sender<ClientEvent>,
    number: u64,
    stream: Option<TcpStream>,
}

impl Link {
    pub(crate) fn new(host: String, port: u16, events: Sender<ClientEvent>) -> Self {
        Self { host, port, events, number: 0, stream: None }
    }

    /// Starts a connection in the place of the one there is.
    ///
    /// An error, which is a reason for the user, comes instead of events.
    pub(crate) fn connect(&mut self) -> Result<(), String> {
        self.close();
        let (number, host, port) = (self.number, self.host.clone(), self.port);
        let events = self.events.clone();
        let report = move |event| events.send(ClientEvent::Link { number, event }).is_ok();
        let thread = thread::Builder::new().name(format!("link-{number}"));
        let spawned = thread.spawn(move || run(&host, port, &report));
        spawned.map(drop).map_err(|error| reason(&error))
    }

    /// Whether an event is of the newest connection.
    pub(crate) fn is_current(&self, number: u64) -> bool {
        self.number == number
    }

    pub(crate) fn is_open(&self) -> bool {
        self.stream.is_some()
    }

    /// Takes the writing side of the newest connection.
    pub(crate) fn handle_up(&mut self, stream: TcpStream) {
        self.stream = Some(stream);
    }

    /// Sends all of `bytes`; on an error, which is a reason for the user, the connection is closed.
    pub(crate) fn transmit(&mut self, bytes: &[u8]) -> Result<(), String> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let written = stream.write_all(bytes);
        written.map_err(|error| {
            self.close();
            reason(&error)
        })
    }

    /// Closes the connection, without an event.
    pub(crate) fn close(&mut self) {
        self.number += 1;
        if let Some(stream) = self.stream.take() {
            shut_down(&stream);
        }
    }
}

/// Closes a connection, which ends its thread.
fn shut_down(stream: &TcpStream) {
    // It fails only when the peer was faster.
    let _ = stream.shutdown(Shutdown::Both);
}

fn run(host: &str, port: u16, report: &impl Fn(LinkEvent) -> bool) {
    let end = match open(host, port) {
        Ok((mut stream, writer)) => {
            if !report(LinkEvent::Up(writer)) {
                return;
            }
            read(&mut stream, report)
        }
        Err(error) => reason(&error),
    };
    report(LinkEvent::Down(end));
}

/// Connects to the first address that answers; the stream to read from and the one to write to.
fn open(host: &str, port: u16) -> io::Result<(TcpStream, TcpStream)> {
    let mut last_error = io::Error::new(io::ErrorKind::NotFound, "no such host");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
                return Ok((stream.try_clone()?, stream));
            }
            Err(error) => last_error = error,
        }
    }
    Err(last_error)
}

/// Reads objects until the stream ends; why it ended.
fn read(stream: &mut TcpStream, report: &impl Fn(LinkEvent) -> bool) -> String {
    let mut framer = Framer::new(OBJECT_BYTES_MAX);
    let mut unread = Vec::new();
    let mut chunk = vec![0; READ_BYTES];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return "the server closed the connection".to_owned(),
            Ok(count) => unread.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return reason(&error),
        }
        let mut start = 0;
        loop {
            match framer.scan(&unread[start..]) {
                Ok(Scan::Object { text, consumed }) => {
                    if !report(LinkEvent::Heard(decode_event(text))) {
                        return String::new();
                    }
                    start += consumed;
                }
                Ok(Scan::Incomplete { consumed }) => {
                    unread.drain(..start + consumed);
                    break;
                }
                Err(error) => return format!("the server does not speak the protocol: {error}"),
            }
        }
    }
}

/// A reason in plain words, without the number of the operating system.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            "the server reset the connection".to_owned()
        }
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "no answer in time".to_owned(),
        _ => error.to_string(),
    }
}
