//! Logging in, so many at a time.

use super::{Client, Phase, Talk, login};
use crate::chatbench::login::By;
use crate::chatbench::net::Net;
use std::io;
use std::ops::Range;
use std::time::Instant;

impl Talk {
    /// Has clients log in by their passwords, at most `in_flight` at a time.
    pub(in crate::chatbench) fn arrive(
        &mut self,
        net: &mut Net,
        clients: Range<usize>,
        in_flight: usize,
    ) -> io::Result<()> {
        self.arriving = clients;
        let now = Instant::now();
        for _ in 0..in_flight {
            self.admit(net, now)?;
        }
        Ok(())
    }

    /// How many are still to log in.
    pub(in crate::chatbench) fn absent(&self) -> u64 {
        (self.arriving.len() + self.entering) as u64
    }

    fn admit(&mut self, net: &mut Net, now: Instant) -> io::Result<()> {
        let Some(who) = self.arriving.next() else { return Ok(()) };
        let client = &mut self.clients[who];
        net.open(who, client.server)?;
        client.inbox.reconnect();
        client.phase = Phase::Entering { since: now };
        self.entering += 1;
        let style = self.manner.style;
        net.say(who, |out| login::write(&client.person, By::Password, style, false, out));
        Ok(())
    }

    /// Takes the answer to a login, and what waited.
    pub(super) fn enter(
        &mut self,
        net: &mut Net,
        who: usize,
        line: &[u8],
        now: Instant,
        since: Instant,
    ) -> io::Result<()> {
        let waiting = login::take_answer(&mut self.clients[who].person, line)?;
        for chat in waiting {
            let Client { inbox, .. } = &mut self.clients[who];
            let Some(expected) = inbox.of_sender(chat.from.0) else {
                let text = format!("client {who} was not to get {chat:?}");
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            };
            self.routes[expected.route].check_waiting(&chat, expected.next)?;
            expected.next += expected.stride;
            self.counts.deliveries.count(now - since);
            self.waiting = self.waiting.saturating_sub(1);
        }
        self.counts.logins.count(now - since);
        self.clients[who].phase = Phase::In { since };
        self.entering -= 1;
        self.present += 1;
        self.admit(net, now)
    }
}
