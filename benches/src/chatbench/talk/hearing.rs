//! What the lines of a server mean, each checked.

use super::{
    Client, Counted, Delivery, Event, NUMBER_BYTES, Net, Next, Phase, Role, Since, Style, Talk,
    decode_event, number_in, refused, surprise,
};
use chatproto::{Envelope, Request};
use std::io;
use std::time::Instant;

const ANSWER: &[u8] = br#"{"msgid":1010,"mid":""#;
const DELIVERED: &[u8] = br#"","errno":0,"state":"delivered"}"#;
const STORED: &[u8] = br#"","errno":0,"state":"stored"}"#;

impl Role for Talk {
    fn hear(&mut self, net: &mut Net, who: usize, line: &[u8], now: Instant) -> io::Result<()> {
        let heard = match self.clients[who].phase {
            Phase::Entering { since } => self.enter(net, who, line, now, since),
            _ if line.starts_with(ANSWER) => self.hear_answer(who, line, now),
            _ if line.starts_with(br#"{"msgid":1005,"#)
                || line.starts_with(br#"{"msgid":1009,"#) =>
            {
                self.hear_message(who, line, now)
            }
            _ => self.hear_other(net, who, line),
        };
        heard.map_err(|error| {
            let Client { person, .. } = &self.clients[who];
            io::Error::new(error.kind(), format!("client {who}, user {}: {error}", person.id))
        })
    }

    fn respond(&mut self, net: &mut Net, who: usize, now: Instant) -> io::Result<()> {
        if self.manner.style == Style::Acknowledged
            && let Some(seq) = self.clients[who].inbox.unacknowledged()
        {
            let request = Request::Received { seq };
            net.say(who, |out| Envelope { mid: None, request }.write(out));
        }
        self.speak(net, who, now);
        self.speak_all(net, now);
        Ok(())
    }
}

impl Talk {
    fn hear_message(&mut self, who: usize, line: &[u8], now: Instant) -> io::Result<()> {
        let Self { clients, routes, .. } = self;
        let client = &mut clients[who];
        let seq = client.inbox.next_push();
        let Some(expected) = client.inbox.of_line(line) else {
            return Err(surprise(line, "from nobody who was to send here"));
        };
        let number = expected.next;
        expected.next += expected.stride;
        let route = &mut routes[expected.route];
        route.check(line, self.manner.style, number, seq)?;
        if self.since == Since::Login {
            if let Phase::In { since } = client.phase {
                self.counts.deliveries.count(now - since);
                self.waiting = self.waiting.saturating_sub(1);
            }
            return Ok(());
        }
        let from = route.from;
        let step = self.clients[from].flow.as_mut().and_then(|flow| flow.received(number));
        let Some(step) = step else {
            return Err(surprise(line, "a message that is not under way"));
        };
        self.counts.deliveries.count(now.saturating_duration_since(step.due));
        match self.manner.next {
            Next::Receipt => {
                if let Some(flow) = &mut self.clients[who].flow {
                    flow.grant(1);
                }
            }
            Next::Settlement if step.is_settled => self.grant(from, 1),
            // What waited for a place under way may have one now.
            Next::Schedule if step.is_settled => self.ready.push(from),
            Next::Settlement | Next::Schedule => {}
        }
        Ok(())
    }

    fn hear_answer(&mut self, who: usize, line: &[u8], now: Instant) -> io::Result<()> {
        let rest = &line[ANSWER.len()..];
        let Some((mid, rest)) = rest.split_at_checked(NUMBER_BYTES) else {
            return Err(unexpected(line));
        };
        let state = match rest {
            DELIVERED => Delivery::Delivered,
            STORED => Delivery::Stored,
            _ => return Err(unexpected(line)),
        };
        if self.manner.counted == Counted::Deposits && state != Delivery::Stored {
            return Err(surprise(line, "its recipient is not online"));
        }
        let number = number_in(mid, 16).ok_or_else(|| unexpected(line))?;
        let step = self.clients[who].flow.as_mut().and_then(|flow| flow.answered(number));
        let Some(step) = step else {
            return Err(surprise(line, "an answer to what was not asked"));
        };
        self.counts.answers.count(now.saturating_duration_since(step.due));
        self.counts.stored += u64::from(state == Delivery::Stored);
        if self.manner.next == Next::Settlement && step.is_settled {
            self.grant(who, 1);
        }
        Ok(())
    }

    fn hear_other(&mut self, net: &mut Net, who: usize, line: &[u8]) -> io::Result<()> {
        match decode_event(line) {
            Ok(Event::Ping) => net.say(who, chatproto::pong),
            Ok(Event::Pong) if self.pongs > 0 => self.pongs -= 1,
            Ok(Event::Goodbye { status }) => return Err(refused("stay connected", &status)),
            _ => return Err(unexpected(line)),
        }
        Ok(())
    }
}

/// An answer that should not have come, with what to do about it.
fn unexpected(line: &[u8]) -> io::Error {
    let Ok(Event::Answer { status, .. }) = decode_event(line) else {
        return surprise(line, "not what was asked for");
    };
    let error = refused("take a message", &status);
    match status.code {
        106 => io::Error::other(format!("{error}; the store is slow: have less under way")),
        107 => io::Error::other(format!("{error}; have more recipients or fewer messages")),
        _ => error,
    }
}
