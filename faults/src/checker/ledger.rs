//! Who sent what to whom, and who got it.

mod members;
mod stream;

use std::collections::HashMap;

use super::verdict::{Findings, Kind};
use crate::history::{ClientNumber, Event, Push, Style, Target, What};
use members::Members;
use stream::Stream;

/// A message, sent once or several times.
#[derive(Debug)]
pub(super) struct Message {
    sender: ClientNumber,
    from: i64,
    pub(super) target: Target,
    text: String,
    pub(super) mid: Option<String>,
    pub(super) first_sent: u64,
    /// Its place among those of its sender to its target.
    place: u64,
    /// When it was answered with errno 0.
    pub(super) answered: Option<u64>,
}

/// What an event says about messages, for those who only care about times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// This message was answered with errno 0 for the first time.
    Answered(usize),
    /// Somebody got this message for the first time.
    Received(usize),
    /// Somebody got what it had.
    Repeated,
    /// Nothing.
    None,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    accounts: HashMap<ClientNumber, (i64, Style)>,
    clients: HashMap<i64, ClientNumber>,
    members: Members,
    messages: Vec<Message>,
    by_mid: HashMap<(i64, String), usize>,
    by_text: HashMap<String, usize>,
    places: HashMap<(ClientNumber, Target), u64>,
    streams: HashMap<ClientNumber, Stream>,
    sids: HashMap<String, usize>,
    sid_of: HashMap<usize, String>,
    /// Whether a fault was injected or somebody's connection ended.
    disturbed: bool,
    received: usize,
}

impl Ledger {
    pub(super) fn sent(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn answered(&self) -> usize {
        self.messages.iter().filter(|message| message.answered.is_some()).count()
    }

    pub(super) fn received(&self) -> usize {
        self.received
    }

    pub(super) fn message(&self, number: usize) -> &Message {
        &self.messages[number]
    }

    pub(super) fn acknowledges(&self, client: ClientNumber) -> bool {
        self.accounts.get(&client).is_some_and(|(_, style)| *style == Style::Acknowledging)
    }

    /// Sender and, of a one-to-one message, recipient.
    pub(super) fn ends(&self, number: usize) -> (ClientNumber, Option<ClientNumber>) {
        let message = &self.messages[number];
        let recipient = match message.target {
            Target::User(id) => self.clients.get(&id).copied(),
            Target::Group(_) => None,
        };
        (message.sender, recipient)
    }

    pub(super) fn take(&mut self, event: &Event, findings: &mut Findings) -> News {
        let Some(client) = event.client else {
            self.disturbed |= matches!(event.what, What::FaultBegan { .. });
            return News::None;
        };
        match &event.what {
            What::Registered { account, style } => {
                self.accounts.insert(client, (*account, *style));
                self.clients.insert(*account, client);
            }
            What::Joining { group } => self.members.joining(*group, client, event.at),
            What::Joined { group } => self.members.joined(*group, client, event.at),
            What::Opened { .. } => self.streams.entry(client).or_default().opened(),
            What::Closed { .. } | What::Left => self.disturbed = true,
            What::Sent { mid, target, text } => {
                self.take_sent(client, event.at, mid.as_deref(), *target, text);
            }
            What::Answered { mid, errno } => {
                return self.take_answer(client, event.at, mid, *errno, findings);
            }
            What::Refused { answer } => {
                findings.add(Kind::Refused, event.at, || format!("client {client}: {answer}"));
            }
            What::Pushed(push) => return self.take_push(client, event.at, push, findings),
            _ => {}
        }
        News::None
    }

    fn take_sent(
        &mut self,
        client: ClientNumber,
        at: u64,
        mid: Option<&str>,
        target: Target,
        text: &str,
    ) {
        let (from, _) = self.accounts[&client];
        if self.by_text.contains_key(text) {
            return;
        }
        let place = self.places.entry((client, target)).or_default();
        *place += 1;
        let number = self.messages.len();
        self.messages.push(Message {
            sender: client,
            from,
            target,
            text: text.to_owned(),
            mid: mid.map(str::to_owned),
            first_sent: at,
            place: *place,
            answered: None,
        });
        self.by_text.insert(text.to_owned(), number);
        if let Some(mid) = mid {
            self.by_mid.insert((from, mid.to_owned()), number);
        }
    }

    fn take_answer(
        &mut self,
        client: ClientNumber,
        at: u64,
        mid: &str,
        errno: i64,
        findings: &mut Findings,
    ) -> News {
        let (from, _) = self.accounts[&client];
        let Some(number) = self.by_mid.get(&(from, mid.to_owned())).copied() else {
            findings.add(Kind::Refused, at, || {
                format!("client {client} got an answer to {mid}, which it never sent")
            });
            return News::None;
        };
        let message = &mut self.messages[number];
        match errno {
            0 if message.answered.is_none() => {
                message.answered = Some(at);
                return News::Answered(number);
            }
            0 | 106 | 107 => {}
            _ => findings.add(Kind::Refused, at, || format!("{mid} was answered with {errno}")),
        }
        News::None
    }

    fn take_push(
        &mut self,
        client: ClientNumber,
        at: u64,
        push: &Push,
        findings: &mut Findings,
    ) -> News {
        let told = || format!("client {client} got {push:?}");
        let stream = self.streams.entry(client).or_default();
        if let Some(mark) = &push.mark {
            stream.check_number(mark.seq, || findings.add(Kind::Misnumbered, at, told));
        }
        // An original sender's mid was made by the server.
        let mid = push.mark.as_ref().map(|mark| (push.from, mark.mid.clone()));
        let number =
            mid.and_then(|mid| self.by_mid.get(&mid)).or_else(|| self.by_text.get(&push.text));
        let Some(number) = number.copied() else {
            findings.add(Kind::Phantom, at, told);
            return News::None;
        };
        let message = &self.messages[number];
        let (same_mid, same_content) = is_same(message, push);
        if !same_mid || message.from != push.from {
            findings.add(Kind::Phantom, at, told);
            return News::None;
        }
        if !same_content {
            findings.add(Kind::Altered, at, || format!("{}, sent as {message:?}", told()));
        }
        if !self.is_recipient(client, message) {
            findings.add(Kind::Misdelivered, at, told);
        }
        let stream = self.streams.entry(client).or_default();
        let repeated = stream.has(number);
        if repeated {
            if !self.disturbed {
                findings.add(Kind::Repeated, at, told);
            }
        } else {
            self.received += 1;
            let owed = self.recipients(&self.messages[number]).contains(&client);
            let message = &self.messages[number];
            let stream = self.streams.entry(client).or_default();
            stream.take(number);
            // What a member gets of the time before it joined is a gift, in any order.
            if owed {
                let way = (message.sender, message.target);
                let overtaken = || findings.add(Kind::Disordered, at, told);
                stream.check_order(way, message.place, overtaken);
            }
        }
        if let Some(mark) = &push.mark {
            self.check_sid(number, &mark.sid, at, told, findings);
        }
        if repeated { News::Repeated } else { News::Received(number) }
    }

    fn is_recipient(&self, client: ClientNumber, message: &Message) -> bool {
        match message.target {
            Target::User(id) => self.clients.get(&id) == Some(&client),
            Target::Group(group) => {
                client != message.sender
                    && self.members.may_get(group, client, message.answered.unwrap_or(u64::MAX))
            }
        }
    }

    /// Those who must get it.
    fn recipients(&self, message: &Message) -> Vec<ClientNumber> {
        match message.target {
            Target::User(id) => self.clients.get(&id).copied().into_iter().collect(),
            Target::Group(group) => {
                let mut all = self.members.must_get(group, message.first_sent);
                all.retain(|client| *client != message.sender);
                all
            }
        }
    }

    /// A message that was sent twice may have been taken twice; without that it has one sid.
    fn check_sid(
        &mut self,
        number: usize,
        sid: &str,
        at: u64,
        told: impl Fn() -> String,
        findings: &mut Findings,
    ) {
        let named = *self.sids.entry(sid.to_owned()).or_insert(number);
        let first = self.sid_of.entry(number).or_insert_with(|| sid.to_owned());
        if named != number || (first != sid && !self.disturbed) {
            findings.add(Kind::Misnamed, at, || {
                format!("{}, whose sid was that of {:?}", told(), self.messages[named].mid)
            });
        }
    }

    /// After the last event: whether everything that was promised was kept.
    pub(super) fn close(&self, findings: &mut Findings) {
        for (number, message) in self.messages.iter().enumerate() {
            match (&message.mid, message.answered) {
                (Some(_), Some(answered)) => self.check_receipts(number, answered, findings),
                (Some(mid), None) => {
                    let at = message.first_sent;
                    findings.add(Kind::Unanswered, at, || format!("{mid} to {:?}", message.target));
                }
                // Nothing was promised.
                (None, _) => {}
            }
        }
    }

    fn check_receipts(&self, number: usize, answered: u64, findings: &mut Findings) {
        let message = &self.messages[number];
        for client in self.recipients(message) {
            // What the kernel took for an original client may be lost with the connection.
            let original = !self.acknowledges(client);
            let got = self.streams.get(&client).is_some_and(|stream| stream.has(number));
            let excused = original && self.disturbed;
            if !got && !excused {
                findings.add(Kind::Lost, answered, || {
                    let mid = message.mid.as_deref().unwrap_or_default();
                    format!("{mid} to {:?}: client {client} never got it", message.target)
                });
            }
        }
    }
}

/// Whether the push names the message's mid, and whether it has its content.
fn is_same(message: &Message, push: &Push) -> (bool, bool) {
    let same_mid = match (&message.mid, &push.mark) {
        (Some(mid), Some(mark)) => *mid == mark.mid,
        _ => true,
    };
    (same_mid, message.text == push.text && message.target == push.target)
}
