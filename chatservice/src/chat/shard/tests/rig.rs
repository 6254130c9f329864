//! A shard and an outside that does what it is told.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::chat::effect::{Admission, Effect, Located, Place, Ticket};
use crate::chat::shard::*;
use crate::presence::Directory;
use crate::storage::memory::MemoryStore;
use crate::storage::{Request, Store, StoreError, StoreLimits, Write};

const LIMITS: StoreLimits =
    StoreLimits { friends_max: 2, groups_max: 3, members_max: 3, rows_max: 5 };

/// See the module. Users 1, 2 … are there, with the password `secret`.
pub(super) struct Rig {
    pub(super) shard: Shard,
    pub(super) now: Now,
    pub(super) store: MemoryStore,
    pub(super) directory: Directory,
    /// What waits for an answer, see [`Self::serve`].
    pub(super) work: VecDeque<(Ticket, Request)>,
    pub(super) peers: Vec<(ShardId, PeerMessage)>,
    pub(super) admission: Admission,
    pub(super) paused: BTreeMap<ConnId, bool>,
    pub(super) closed: Vec<ConnId>,
    /// Other nodes do not answer: claims are granted and not told, and nobody hears of joins.
    pub(super) is_away: bool,
    /// Claims that were not told.
    claims: Vec<(LoginId, UserId, Claim)>,
    said: BTreeMap<ConnId, String>,
    unread: BTreeMap<ConnId, Vec<u8>>,
}

impl Rig {
    pub(super) fn new(users: i64) -> Self {
        Self::with_shards(users, 1)
    }

    pub(super) fn with_shards(users: i64, shards: u16) -> Self {
        let now = Now { instant: Instant::now(), unix_ms: 1_767_323_045_000 };
        let store = MemoryStore::new(LIMITS);
        for user in 1..=users {
            let (name, password) = (format!("user{user}"), hash_of("secret"));
            store.commit(&[Write::Register { name, password }]).unwrap();
        }
        Self {
            shard: Shard::new(
                now,
                ShardId { node: NodeId::ALONE, index: 0 },
                shards,
                Rules::default(),
                Box::new(|| [7; 16]),
            ),
            now,
            store,
            directory: Directory::new(NodeId::ALONE),
            work: VecDeque::new(),
            peers: Vec::new(),
            admission: Admission::Now,
            paused: BTreeMap::new(),
            closed: Vec::new(),
            is_away: false,
            claims: Vec::new(),
            said: BTreeMap::new(),
            unread: BTreeMap::new(),
        }
    }

    pub(super) fn open(&mut self, conn: u64) {
        self.paused.remove(&ConnId(conn));
        self.unread.remove(&ConnId(conn));
        let address = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
        self.shard.handle_opened(self.now, ConnId(conn), address);
        self.carry_out();
    }

    /// Opens connection `user` and logs the user in at it, as an original client.
    pub(super) fn plain(&mut self, user: u64) {
        self.open(user);
        let line = format!(r#"{{"msgid":1000,"id":{user},"password":"secret"}}"#);
        assert!(self.ask(user, &line).contains(r#""errno":0"#));
    }

    /// Opens connection `user` and logs the user in at it; it acknowledges.
    pub(super) fn acknowledging(&mut self, user: u64) {
        self.open(user);
        let line = format!(r#"{{"msgid":1000,"id":{user},"password":"secret","ack":true}}"#);
        assert!(self.ask(user, &line).contains(r#""errno":0"#));
    }

    /// What a client is told when it sends this and the outside answers everything.
    pub(super) fn ask(&mut self, conn: u64, line: &str) -> String {
        self.send(conn, line);
        self.serve();
        self.said(conn)
    }

    /// As [`Self::ask`], without the answers of the outside.
    pub(super) fn send(&mut self, conn: u64, line: &str) {
        self.unread.entry(ConnId(conn)).or_default().extend(line.as_bytes());
        self.read(ConnId(conn));
    }

    /// What was said on a connection since it was asked last.
    pub(super) fn said(&mut self, conn: u64) -> String {
        self.said.remove(&ConnId(conn)).unwrap_or_default().trim_end().to_owned()
    }

    pub(super) fn end_of_stream(&mut self, conn: u64) {
        self.shard.handle_end_of_stream(self.now, ConnId(conn));
        self.carry_out();
    }

    pub(super) fn written(&mut self, conn: u64) {
        self.shard.handle_written(self.now, ConnId(conn));
        self.carry_out();
    }

    pub(super) fn close(&mut self, conn: u64) {
        self.shard.handle_closed(self.now, ConnId(conn));
        self.carry_out();
    }

    /// The connection at which a user is online.
    pub(super) fn connection_of(&self, user: i64) -> Option<ConnId> {
        self.directory.locate(UserId(user)).map(|place| place.login.conn)
    }

    pub(super) fn nobody_is_online(&self) -> bool {
        self.directory.online((0..10).map(UserId).collect()).is_empty()
    }

    pub(super) fn peer(&mut self, message: PeerMessage) {
        self.shard.handle_peer(self.now, message);
        self.carry_out();
    }

    pub(super) fn answer(&mut self, ticket: Ticket, answer: Answer) {
        self.shard.handle_answer(self.now, ticket, answer);
        self.carry_out();
    }

    /// Tells the outcome of claims that were made while others were away.
    pub(super) fn tell_claims(&mut self) {
        for (login, user, claim) in std::mem::take(&mut self.claims) {
            self.shard.handle_claim(self.now, login, user, claim);
            self.carry_out();
        }
    }

    /// Lets time pass, from deadline to deadline.
    pub(super) fn wait(&mut self, time: Duration) {
        let end = self.now.instant + time;
        while let Some(next) = self.shard.next_deadline().filter(|next| *next <= end) {
            self.now.instant = self.now.instant.max(next);
            self.shard.handle_deadlines(self.now);
            self.carry_out();
        }
        self.now.instant = end;
    }

    /// Answers all work, also what comes of it.
    pub(super) fn serve(&mut self) {
        while !self.work.is_empty() {
            self.serve_one();
        }
    }

    /// Answers work until such a request is the next one.
    pub(super) fn serve_until(&mut self, is_next: impl Fn(&(Ticket, Request)) -> bool) {
        while !is_next(self.work.front().expect("the request comes")) {
            self.serve_one();
        }
    }

    /// Answers what has waited longest, if anything has.
    pub(super) fn serve_one(&mut self) {
        if let Some((ticket, request)) = self.work.pop_front() {
            let answer = self.carried_out(request);
            self.answer(ticket, answer);
        }
    }

    /// Fails all work, also what comes of it.
    pub(super) fn fail(&mut self) {
        while let Some((ticket, request)) = self.work.pop_front() {
            let error = StoreError::Unavailable("the test wants it".to_owned());
            let answer = request.failed(error);
            self.answer(ticket, answer);
        }
    }

    fn carried_out(&self, request: Request) -> Answer {
        let store = &self.store;
        match request {
            Request::Credentials(user) => Answer::Credentials(store.credentials(user)),
            Request::Profile { user, members_max } => {
                Answer::Profile(store.profile(user, members_max))
            }
            Request::Resume { user, token, members_max } => {
                Answer::Resumed(store.resume(user, &token, members_max))
            }
            Request::Members(group) => Answer::Members(store.members(group)),
            Request::Rows { recipient, after, limit } => {
                Answer::Rows(store.rows(recipient, after, limit))
            }
            Request::Arrivals { after, limit } => Answer::Arrivals(store.arrivals(after, limit)),
            Request::NewestRow => Answer::NewestRow(store.newest_row()),
            Request::Write(write) => {
                let outcome = store.commit(&[write]).map(|mut outcomes| outcomes.remove(0));
                Answer::Written(outcome)
            }
            Request::Hash { password } => Answer::Hashed(Ok(hash_of(&password))),
            Request::Verify { password, hash } => {
                let right = hash.is_some_and(|hash| hash == hash_of(&password) || hash == password);
                Answer::Verified(right)
            }
        }
    }

    fn read(&mut self, conn: ConnId) {
        let unread = self.unread.remove(&conn).unwrap_or_default();
        let used = self.shard.handle_bytes(self.now, conn, &unread);
        self.unread.insert(conn, unread[used..].to_vec());
        self.carry_out();
    }

    pub(super) fn carry_out(&mut self) {
        loop {
            let effects = std::mem::take(self.shard.effects());
            if effects.list.is_empty() {
                return;
            }
            for effect in effects.list {
                self.carry_out_one(effect, &effects.bytes);
            }
        }
    }

    fn carry_out_one(&mut self, effect: Effect, bytes: &[u8]) {
        let here = |login| Place { shard: ShardId { node: NodeId::ALONE, index: 0 }, login };
        match effect {
            Effect::Send { conn, bytes: range } => {
                let text = str::from_utf8(&bytes[range]).unwrap();
                self.said.entry(conn).or_default().push_str(text);
            }
            Effect::Close(conn) => self.closed.push(conn),
            Effect::PauseReading(conn) => {
                assert_ne!(self.paused.insert(conn, true), Some(true), "paused twice");
            }
            Effect::ResumeReading(conn) => {
                assert_eq!(self.paused.insert(conn, false), Some(true), "it was not paused");
                self.read(conn);
            }
            Effect::ReadAgain(conn) => self.read(conn),
            Effect::Work { ticket, request } => self.work.push_back((ticket, request)),
            Effect::Claim { login, user, force } => {
                let claim = self.directory.claim(user, here(login), 0, force);
                if self.is_away {
                    self.claims.push((login, user, claim));
                } else {
                    self.shard.handle_claim(self.now, login, user, claim);
                }
            }
            Effect::Release { login, user, owing } => {
                self.directory.release(user, here(login), owing);
            }
            Effect::Settled { login, user } => self.directory.settled(user, here(login)),
            Effect::Locate(lane) => {
                let place = self.directory.locate(lane.recipient);
                let found = place.map_or(Located::Offline, Located::At);
                self.shard.handle_located(self.now, lane, found);
            }
            Effect::Presence { conn, users } => {
                let online = self.directory.online(users);
                self.shard.handle_presence(self.now, conn, online);
            }
            Effect::Admit { conn, .. } => {
                self.shard.handle_admission(self.now, conn, self.admission);
            }
            Effect::Peer { to, message } => self.peers.push((to, message)),
            Effect::Announce { .. } if self.is_away => {}
            Effect::Announce { login, join, .. } => {
                self.shard.handle_announced(self.now, login, join, 0);
            }
            Effect::LoginEnded { .. } | Effect::LoggedIn { .. } => {}
        }
    }
}

/// Stands for a hash: looks like one and tells passwords apart.
pub(super) fn hash_of(password: &str) -> String {
    format!("$argon2${password}")
}
