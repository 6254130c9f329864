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

/// Players on connections and accounts of their own, neighbours being partners. `numbers` are
/// those of the accounts, an even count from an even one; number `n` connects to address `n` modulo
/// their count.
pub(crate) fn players(
    addresses: &[SocketAddr],
    numbers: Range<usize>,
    in_flight: u64,
    style: Style,
) -> io::Result<Vec<(TcpStream, Player)>> {
    let enter = |number: usize| {
        let address = addresses[number % addresses.len()];
        Client::enter(address, format!("player {number}"), style)
    };
    let clients = numbers.map(enter).collect::<io::Result<Vec<_>>>()?;
    let ids: Vec<_> = clients.iter().map(|client| client.id).collect();
    let seated = clients.into_iter().enumerate().map(|(at, client)| {
        let account = Account { id: client.id, name: client.name, partner: ids[at ^ 1] };
        let dialogue = match style {
            Style::Original => Dialogue::Original(account),
            Style::Acknowledged => Dialogue::Acknowledged(account),
        };
        (client.stream.into_inner(), Player::of_pair(dialogue, at, in_flight))
    });
    Ok(seated.collect())
}

struct Client {
    stream: BufReader<TcpStream>,
    name: String,
    id: i64,
}

impl Client {
    fn enter(address: SocketAddr, name: String, style: Style) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        let mut client = Self { stream: BufReader::new(stream), name, id: 0 };
        let request =
            Request::Register { name: client.name.clone().into(), password: PASSWORD.into() };
        client.id = match client.ask(request)? {
            Event::RegisterAnswer { id: Some(UserId(id)), .. } => id,
            other => return Err(refused("register", &other)),
        };
        let credentials =
            Credentials::Password { id: UserId(client.id), password: PASSWORD.into() };
        let ack = style == Style::Acknowledged;
        match client.ask(Request::Login(Login { credentials, ack, force: false }))? {
            Event::LoginAnswer(outcome) if outcome.status.is_ok() => Ok(client),
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
