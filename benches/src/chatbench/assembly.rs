//! Has clients that are logged in make groups and join them.

use super::bench::millis_now;
use super::drive::{Act, Until, drive};
use super::net::{Net, Role};
use super::surprise::{refused, surprise};
use crate::tally::Tally;
use chatproto::{Envelope, Event, GroupId, Request, decode_event};
use std::io;
use std::time::Instant;

/// Members that join at a time.
const IN_FLIGHT: usize = 64;

/// Clients 0 to `groups * members` are in groups of `members` when this returns, the first of each
/// being its creator; the ids of the groups.
pub(super) fn gather(net: &mut Net, groups: usize, members: usize) -> io::Result<Vec<GroupId>> {
    let mut assembly = Assembly {
        members,
        groups: vec![None; groups],
        next: 0,
        left: (groups * members) as u64,
        clients: groups * members,
    };
    let run = millis_now();
    for group in 0..groups {
        let name = format!("bench-{run:x}-{group}").into();
        let request = Request::CreateGroup { id: None, name, description: "".into() };
        assembly.ask(net, group * members, request);
    }
    drive(net, &mut assembly, None, &Until::Done(Assembly::uncreated))?;
    for _ in 0..IN_FLIGHT {
        assembly.join_next(net)?;
    }
    drive(net, &mut assembly, None, &Until::Done(|assembly| assembly.left))?;
    Ok(assembly.groups.into_iter().flatten().collect())
}

struct Assembly {
    members: usize,
    groups: Vec<Option<GroupId>>,
    clients: usize,
    /// The next client that may have to join.
    next: usize,
    /// Requests that are not answered.
    left: u64,
}

impl Assembly {
    fn uncreated(&self) -> u64 {
        self.groups.iter().filter(|group| group.is_none()).count() as u64
    }

    /// Has the next member join, if there is one that has not.
    fn join_next(&mut self, net: &mut Net) -> io::Result<()> {
        if self.next.is_multiple_of(self.members) {
            self.next += 1;
        }
        let who = self.next;
        if who >= self.clients {
            return Ok(());
        }
        self.next += 1;
        let group = self.groups[who / self.members];
        let group = group.ok_or_else(|| io::Error::other("a group was not created"))?;
        self.ask(net, who, Request::JoinGroup { id: None, group });
        Ok(())
    }

    fn ask(&self, net: &mut Net, who: usize, request: Request<'_>) {
        let envelope = Envelope { mid: Some("group".into()), request };
        net.say(who, |out| envelope.write(out));
    }
}

impl Role for Assembly {
    fn hear(&mut self, net: &mut Net, who: usize, line: &[u8], _: Instant) -> io::Result<()> {
        match decode_event(line) {
            Ok(Event::Answer { status, group, .. }) if status.is_ok() => {
                self.left -= 1;
                match group {
                    Some(id) => self.groups[who / self.members] = Some(id),
                    None => self.join_next(net)?,
                }
            }
            Ok(Event::Answer { status, .. } | Event::Goodbye { status }) => {
                return Err(refused(&format!("let client {who} into a group"), &status));
            }
            Ok(Event::Ping) => net.say(who, chatproto::pong),
            _ => return Err(surprise(line, "not the answer about a group")),
        }
        Ok(())
    }

    fn respond(&mut self, _: &mut Net, _: usize, _: Instant) -> io::Result<()> {
        Ok(())
    }
}

impl Act for Assembly {
    fn tick(&mut self, _: &mut Net, _: Instant) -> io::Result<Option<Instant>> {
        Ok(None)
    }

    fn tallies(&mut self) -> Vec<&mut Tally> {
        Vec::new()
    }

    fn present(&self) -> usize {
        self.clients
    }

    fn complain(&self) -> io::Error {
        io::Error::other(format!("the server was silent: {} members are missing", self.left))
    }
}
