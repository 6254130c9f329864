//! The end of a talk: everything that was sent must have arrived, and nothing else.

use super::{Counted, Phase, Play, Since, Talk};
use crate::chatbench::net::Net;
use chatproto::{Envelope, Request};
use std::io;
use std::time::Instant;

impl Talk {
    /// Sends no more; returns how many messages were due and were not sent.
    pub(in crate::chatbench) fn stop(&mut self, net: &mut Net, now: Instant) -> u64 {
        self.set_play(net, Play::Paused, now);
        if self.pace.take().is_none() {
            return 0;
        }
        self.clients
            .iter_mut()
            .filter_map(|client| client.flow.as_mut())
            .map(|flow| flow.give_up())
            .sum()
    }

    /// Messages that someone has still to receive, or the server to answer.
    pub(in crate::chatbench) fn unsettled(&self) -> u64 {
        let flows = self.clients.iter().filter_map(|client| client.flow.as_ref());
        flows.map(|flow| flow.unsettled()).sum()
    }

    /// Asks for a pong behind everything that the server has pushed to those who are logged in: so it
    /// would show if something came twice.
    pub(in crate::chatbench) fn ask_for_pongs(&mut self, net: &mut Net) {
        for (who, client) in self.clients.iter().enumerate() {
            if matches!(client.phase, Phase::In { .. }) {
                net.say(who, |out| Envelope { mid: None, request: Request::Ping }.write(out));
                self.pongs += 1;
            }
        }
    }

    /// Pongs that have not come.
    pub(in crate::chatbench) fn pongs(&self) -> u64 {
        self.pongs
    }

    /// From now on receivers log in for whom messages wait; returns how many messages.
    pub(in crate::chatbench) fn begin_drain(&mut self) -> u64 {
        self.since = Since::Login;
        self.manner.counted = Counted::Receipts;
        self.waiting = self.undelivered();
        self.waiting
    }

    /// Messages and logins that are still to come.
    pub(in crate::chatbench) fn undrained(&self) -> u64 {
        self.waiting + self.absent()
    }

    fn undelivered(&self) -> u64 {
        let routes = &self.routes;
        let missing =
            self.clients.iter().flat_map(|client| client.inbox.expected()).map(|expected| {
                let flow = self.clients[routes[expected.route].from].flow.as_ref();
                let next = flow.map_or(0, |flow| flow.next());
                next.saturating_sub(expected.next).div_ceil(expected.stride)
            });
        missing.sum()
    }

    /// An error that says what is missing, unless nothing is.
    pub(in crate::chatbench) fn complaint(&self) -> io::Error {
        let (unsettled, undelivered) = (self.unsettled(), self.undelivered());
        io::Error::other(format!(
            "the server was silent: {unsettled} messages are not settled, {undelivered} did not \
             arrive, {} clients are not logged in, {} pongs did not come",
            self.entering + self.arriving.len(),
            self.pongs,
        ))
    }
}
