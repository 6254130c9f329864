//! Registering and logging in.

use std::io;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Connection, Entry};

/// A server that does not answer for so long is given up.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// Somebody who is registered.
#[derive(Clone, Debug)]
pub struct Account {
    /// The id.
    pub id: i64,
    /// The password.
    pub password: String,
}

/// What became of a login.
pub(crate) enum Login {
    /// In; with the answer.
    In(Connection, Value),
    /// The server refused for now, or is not there.
    NotNow { retry: Option<Duration> },
    /// An error that the client has not earned.
    Refused(Value),
    /// The token is not known.
    Wrong,
    /// Online elsewhere.
    Online,
}

/// Registers `name`, which must be free.
pub fn register(entry: &Entry, name: &str) -> io::Result<Account> {
    let mut connection = Connection::new(entry.connect()?)?;
    let password = format!("secret of {name}");
    connection.send(&json!({"msgid": 1003, "name": name, "password": password}))?;
    let answer = next(&mut connection, 1004)?;
    match answer["id"].as_i64() {
        Some(id) if answer["errno"] == 0 => Ok(Account { id, password }),
        _ => Err(io::Error::other(format!("registering {name}: {answer}"))),
    }
}

/// Logs in, asks one thing, logs out; the answer.
pub fn ask(entry: &Entry, account: &Account, request: &Value) -> io::Result<Value> {
    let mut connection = Connection::new(entry.connect()?)?;
    let Account { id, password } = account;
    connection.send(&json!({"msgid": 1000, "id": id, "password": password}))?;
    next(&mut connection, 1001)?;
    connection.send(request)?;
    let answer = next(&mut connection, 1010)?;
    // Its answer says that the account is free again.
    connection.send(&json!({"msgid": 1002, "mid": "out"}))?;
    next(&mut connection, 1010)?;
    Ok(answer)
}

/// Connects and sends `request`, a 1000.
pub(crate) fn log_in(entry: &Entry, request: &Value) -> Login {
    let attempt = || -> io::Result<(Connection, Value)> {
        let mut connection = Connection::new(entry.connect()?)?;
        connection.send(request)?;
        let answer = next(&mut connection, 1001)?;
        Ok((connection, answer))
    };
    match attempt() {
        Err(_) => Login::NotNow { retry: None },
        Ok((connection, answer)) => match answer["errno"].as_i64() {
            Some(0) => Login::In(connection, answer),
            Some(1) => Login::Wrong,
            Some(2) => Login::Online,
            Some(106 | 107) => {
                Login::NotNow { retry: answer["retry_ms"].as_u64().map(Duration::from_millis) }
            }
            _ => Login::Refused(answer),
        },
    }
}

/// The next object, which is to be `msgid`; a goodbye or an error in its place is an error.
fn next(connection: &mut Connection, msgid: i64) -> io::Result<Value> {
    let answer = connection.receive(Instant::now() + ANSWER_WITHIN)?;
    let answer = answer.ok_or_else(|| io::Error::from(io::ErrorKind::TimedOut))?;
    if answer["msgid"] == msgid { Ok(answer) } else { Err(io::Error::other(answer.to_string())) }
}
