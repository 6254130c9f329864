//! Registers accounts and logs them in, before the measurement begins.

use crate::player::{Account, Dialogue, Player};
use chatproto::{Credentials, Envelope, Event, Login, Request, Status, UserId, decode_event};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::time::Duration;

const PASSWORD: &str = "a password";
/// An account takes milliseconds; a server that needs longer is not working.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How the accounts log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// As the original client.
    Original,
    /// Acknowledging.
    Acknowledged,
}

/// An account that may log in.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    id: i64,
    name: String,
}

/// Players on connections and accounts of their own, neighbours being partners. `numbers` are
/// those of the accounts, an even count from an even one; number `n` connects to address `n` modulo
/// their count.
pub(crate) fn players(
    addresses: &[SocketAddr],
    numbers: Range<usize>,
    in_flight: u64,
    style: Style,
) -> io::Result<Vec<(TcpStream, Player)>> {
    log_in(addresses, &register(addresses, numbers)?, in_flight, style)
}

/// New accounts with these numbers.
pub(crate) fn register(
    addresses: &[SocketAddr],
    numbers: Range<usize>,
) -> io::Result<Vec<Registered>> {
    let register = |number: usize| {
        let mut client = Client::connect(addresses[number % addresses.len()])?;
        client.register(format!("player {number}"))
    };
    numbers.map(register).collect()
}

/// Players on connections of their own, logged in, as [`players`] says of new accounts.
pub(crate) fn log_in(
    addresses: &[SocketAddr],
    accounts: &[Registered],
    in_flight: u64,
    style: Style,
) -> io::Result<Vec<(TcpStream, Player)>> {
    let seat = |(at, Registered { id, name }): (usize, &Registered)| {
        let mut client = Client::connect(addresses[at % addresses.len()])?;
        client.log_in(*id, style)?;
        let account = Account { id: *id, name: name.clone(), partner: accounts[at ^ 1].id };
        let dialogue = match style {
            Style::Original => Dialogue::Original(account),
            Style::Acknowledged => Dialogue::Acknowledged(account),
        };
        Ok((client.stream.into_inner(), Player::of_pair(dialogue, at, in_flight)))
    };
    accounts.iter().enumerate().map(seat).collect()
}

struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    fn register(&mut self, name: String) -> io::Result<Registered> {
        let request = Request::Register { name: name.as_str().into(), password: PASSWORD.into() };
        match self.ask(request)? {
            Event::RegisterAnswer { id: Some(UserId(id)), .. } => Ok(Registered { id, name }),
            other => Err(refused("register", &other)),
        }
    }

    fn log_in(&mut self, id: i64, style: Style) -> io::Result<()> {
        let credentials = Credentials::Password { id: UserId(id), password: PASSWORD.into() };
        let ack = style == Style::Acknowledged;
        match self.ask(Request::Login(Login { credentials, ack, force: false }))? {
            Event::LoginAnswer(outcome) if outcome.status.is_ok() => Ok(()),
            other => Err(refused("log in", &other)),
        }
    }

    fn ask(&mut self, request: Request<'_>) -> io::Result<Event> {
        let mut bytes = Vec::new();
        Envelope { mid: None, request }.write(&mut bytes);
        self.stream.get_ref().write_all(&bytes)?;
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line)?;
        decode_event(&line).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

fn refused(what: &str, event: &Event) -> io::Error {
    let status = match event {
        Event::RegisterAnswer { status, .. } | Event::Goodbye { status } => Some(status),
        Event::LoginAnswer(outcome) => Some(&outcome.status),
        _ => None,
    };
    let text = match status {
        Some(Status { code, errmsg: Some(text), .. }) => format!("errno {code}, {text}"),
        Some(Status { code, .. }) => format!("errno {code}"),
        None => format!("{event:?}"),
    };
    io::Error::other(format!("the server did not let a player {what}: {text}"))
}
