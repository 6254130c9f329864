//! A server that keeps the contract in the least helpful way.

use chatproto::{
    Answer, ChatObject, Credentials, Delivery, Errno, LoginAnswer, Request, UserId, decode, ping,
    pong,
};
use fastrand::Rng;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

/// As the contract has it.
const PUSHES_IN_FLIGHT_MAX: usize = 256;

pub(crate) type ConnectionId = u64;

/// Lines to send, each on its connection.
pub(crate) type Lines = Vec<(ConnectionId, Vec<u8>)>;

pub(crate) struct Server {
    users: Vec<UserId>,
    /// Sorted, so that a seed replays.
    mailboxes: BTreeMap<UserId, Mailbox>,
    online: HashMap<ConnectionId, UserId>,
    accepted: HashSet<(UserId, String)>,
    messages: u64,
    /// Of 100 requests, how many are refused for now.
    pub(crate) refusals_percent: u32,
}

#[derive(Default)]
struct Mailbox {
    connection: Option<ConnectionId>,
    /// Not acknowledged, oldest first.
    waiting: VecDeque<Message>,
    /// Of those, how many were pushed on this connection.
    pushed: usize,
    /// The number of the next push on this connection.
    seq: u64,
    /// Acknowledged, and pushed again now and then.
    settled: Vec<Message>,
}

#[derive(Clone)]
struct Message {
    object: ChatObject,
    sid: String,
    mid: String,
}

impl Server {
    pub(crate) fn new(users: impl IntoIterator<Item = UserId>) -> Self {
        let users: Vec<_> = users.into_iter().collect();
        let mailboxes = users.iter().map(|user| (*user, Mailbox::default())).collect();
        let (online, accepted) = (HashMap::new(), HashSet::new());
        Self { users, mailboxes, online, accepted, messages: 0, refusals_percent: 20 }
    }

    pub(crate) fn handle_closed(&mut self, connection: ConnectionId) {
        if let Some(user) = self.online.remove(&connection) {
            let mailbox = self.mailboxes.get_mut(&user).unwrap();
            if mailbox.connection == Some(connection) {
                mailbox.connection = None;
            }
        }
    }

    pub(crate) fn handle_line(
        &mut self,
        connection: ConnectionId,
        line: &[u8],
        random: &mut Rng,
    ) -> Lines {
        let envelope = decode(line).expect("the client writes what the server reads");
        let mid = envelope.mid.as_deref();
        let mut lines = Lines::new();
        if matches!(
            envelope.request,
            Request::Login(_) | Request::Chat { .. } | Request::GroupChat { .. }
        ) && random.u32(0..100) < self.refusals_percent
        {
            let errno = if random.bool() { Errno::Busy } else { Errno::StoreUnavailable };
            let retry_ms = random.bool().then(|| random.u64(0..400));
            lines.push((connection, refusal(&envelope.request, mid, errno, retry_ms)));
            return lines;
        }
        match envelope.request {
            Request::Login(login) => {
                let user = match login.credentials {
                    Credentials::Password { id, .. } => id,
                    Credentials::Token(token) => UserId(token.parse().expect("a token of ours")),
                };
                assert!(login.ack);
                self.log_in(connection, user, mid, random, &mut lines);
            }
            Request::Chat { to, msg, .. } => {
                let from = self.online[&connection];
                let object = ChatObject::direct(from, "x", to, &msg, "t");
                self.accept(from, &[to], mid.unwrap(), &object);
                lines.push((connection, answer(mid, Some(Delivery::Stored))));
            }
            Request::GroupChat { group, msg, .. } => {
                let from = self.online[&connection];
                let object = ChatObject::group(from, "x", group, &msg, "t");
                let others: Vec<_> =
                    self.users.iter().copied().filter(|user| *user != from).collect();
                self.accept(from, &others, mid.unwrap(), &object);
                lines.push((connection, answer(mid, Some(Delivery::Delivered))));
            }
            Request::Received { seq } => self.acknowledge(connection, seq),
            Request::Logout { .. } => {
                self.handle_closed(connection);
                lines.push((connection, answer(mid, None)));
            }
            Request::Ping => lines.push((connection, written(pong))),
            Request::Pong => {}
            other => panic!("{other:?} was not expected"),
        }
        if random.u32(0..50) == 0 {
            lines.push((connection, written(ping)));
        }
        self.push(&mut lines);
        lines
    }

    fn log_in(
        &mut self,
        connection: ConnectionId,
        user: UserId,
        mid: Option<&str>,
        random: &mut Rng,
        lines: &mut Lines,
    ) {
        let mailbox = self.mailboxes.get_mut(&user).unwrap();
        if let Some(old) = mailbox.connection.replace(connection) {
            self.online.remove(&old);
        }
        self.online.insert(connection, user);
        (mailbox.pushed, mailbox.seq) = (0, 0);
        // After a fault the server may push again what the client had acknowledged already.
        let again = random.usize(0..4).min(mailbox.settled.len());
        for message in mailbox.settled.drain(mailbox.settled.len() - again..).rev() {
            mailbox.waiting.push_front(message);
        }
        let token = user.to_string();
        let login = LoginAnswer {
            mid,
            id: Some(user),
            name: "x",
            token: Some(&token),
            ..LoginAnswer::default()
        };
        lines.push((connection, written(|out| login.write(out))));
    }

    fn accept(&mut self, from: UserId, recipients: &[UserId], mid: &str, object: &ChatObject) {
        if !self.accepted.insert((from, mid.to_owned())) {
            return;
        }
        self.messages += 1;
        let sid = format!("{:010}", self.messages);
        for recipient in recipients {
            let message = Message { object: object.clone(), sid: sid.clone(), mid: mid.to_owned() };
            self.mailboxes.get_mut(recipient).unwrap().waiting.push_back(message);
        }
    }

    fn acknowledge(&mut self, connection: ConnectionId, seq: u64) {
        let Some(user) = self.online.get(&connection) else { return };
        let mailbox = self.mailboxes.get_mut(user).unwrap();
        assert!(seq <= mailbox.seq, "only what was pushed can be acknowledged");
        let still_unacknowledged = (mailbox.seq - seq) as usize;
        while mailbox.pushed > still_unacknowledged {
            mailbox.pushed -= 1;
            mailbox.settled.extend(mailbox.waiting.pop_front());
        }
    }

    fn push(&mut self, lines: &mut Lines) {
        for mailbox in self.mailboxes.values_mut() {
            let Some(connection) = mailbox.connection else { continue };
            while mailbox.pushed < mailbox.waiting.len().min(PUSHES_IN_FLIGHT_MAX) {
                let message = &mailbox.waiting[mailbox.pushed];
                mailbox.pushed += 1;
                mailbox.seq += 1;
                let seq = mailbox.seq;
                let write = |out: &mut Vec<u8>| {
                    message.object.write_acknowledged(out, seq, &message.sid, &message.mid);
                };
                lines.push((connection, written(write)));
            }
        }
    }
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

fn answer(mid: Option<&str>, state: Option<Delivery>) -> Vec<u8> {
    written(|out| Answer { mid, state, ..Answer::default() }.write(out))
}

fn refusal(
    request: &Request<'_>,
    mid: Option<&str>,
    errno: Errno,
    retry_ms: Option<u64>,
) -> Vec<u8> {
    written(|out| match request {
        Request::Login(_) => {
            LoginAnswer { mid, errno, retry_ms, ..LoginAnswer::default() }.write(out);
        }
        _ => Answer { mid, errno, retry_ms, ..Answer::default() }.write(out),
    })
}
