//! Registers accounts, several at a time.

use super::drive::{Act, Until, drive};
use super::net::{Net, Role};
use super::person::{PASSWORD, Person};
use super::surprise::{refused, surprise};
use crate::tally::Tally;
use chatproto::{Envelope, Event, Request, decode_event};
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

/// Registrations on one connection: a server closes one that does not log in in the end.
const PER_CONNECTION: u64 = 100;

/// Registers `count` accounts called `prefix` and a number, `in_flight` at a time.
pub(super) fn register(
    servers: &[SocketAddr],
    prefix: &str,
    count: usize,
    in_flight: usize,
) -> io::Result<Vec<Person>> {
    let clients = in_flight.min(count);
    let mut net = Net::new(clients)?;
    let mut desk = Desk {
        servers,
        prefix,
        count,
        begun: 0,
        people: Vec::with_capacity(count),
        under_way: vec![0; clients],
        served: vec![0; clients],
    };
    for who in 0..clients {
        net.open(who, desk.server(who))?;
        desk.begin(&mut net, who);
    }
    drive(&mut net, &mut desk, None, &Until::Done(Desk::left))?;
    Ok(desk.people)
}

struct Desk<'a> {
    servers: &'a [SocketAddr],
    prefix: &'a str,
    count: usize,
    begun: usize,
    people: Vec<Person>,
    /// Which account each client is registering.
    under_way: Vec<usize>,
    /// How many each connection has registered.
    served: Vec<u64>,
}

impl Desk<'_> {
    fn server(&self, who: usize) -> SocketAddr {
        self.servers[who % self.servers.len()]
    }

    fn left(&self) -> u64 {
        (self.count - self.people.len()) as u64
    }

    fn name(&self, number: usize) -> String {
        format!("{}{number}", self.prefix)
    }

    fn begin(&mut self, net: &mut Net, who: usize) {
        if self.begun == self.count {
            net.close(who);
            return;
        }
        let name = self.name(self.begun);
        self.under_way[who] = self.begun;
        self.begun += 1;
        let request = Request::Register { name: name.into(), password: PASSWORD.into() };
        net.say(who, |out| Envelope { mid: None, request }.write(out));
    }
}

impl Role for Desk<'_> {
    fn hear(&mut self, net: &mut Net, who: usize, line: &[u8], _: Instant) -> io::Result<()> {
        let name = self.name(self.under_way[who]);
        match decode_event(line) {
            Ok(Event::RegisterAnswer { id: Some(id), .. }) => {
                self.people.push(Person { id: id.0, name, token: None });
            }
            Ok(Event::RegisterAnswer { status, .. } | Event::Answer { status, .. }) => {
                return Err(refused(&format!("register {name}"), &status));
            }
            _ => return Err(surprise(line, "not the answer to a registration")),
        }
        self.served[who] += 1;
        if self.served[who].is_multiple_of(PER_CONNECTION) {
            net.close(who);
            net.open(who, self.server(who))?;
        }
        self.begin(net, who);
        Ok(())
    }

    fn respond(&mut self, _: &mut Net, _: usize, _: Instant) -> io::Result<()> {
        Ok(())
    }
}

impl Act for Desk<'_> {
    fn tick(&mut self, _: &mut Net, _: Instant) -> io::Result<Option<Instant>> {
        Ok(None)
    }

    fn tallies(&mut self) -> Vec<&mut Tally> {
        Vec::new()
    }

    fn present(&self) -> usize {
        0
    }

    fn complain(&self) -> io::Error {
        io::Error::other(format!(
            "the server was silent: {} registrations are missing",
            self.left()
        ))
    }
}
