//! A node's part in the cluster: everything that it asks of Redis, and what follows from the
//! answers.
//!
//! Pure: commands, answers and ticks go in, [`Call`]s, [`Notice`]s and [`Look`]s come out. While
//! Redis is away questions are answered from what this node knows by itself: users elsewhere are
//! unknown, and logins are granted after a look at the store; `rejoin` puts that right when Redis
//! is back.

mod rejoin;
mod sessions;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chatproto::UserId;
use rustc_hash::FxHashSet;

use super::arrivals::{self, Arrivals};
use super::call::{Call, Channel, Reply};
use super::command::{Audience, Command, Found, Look, Notice};
use super::frame::{Body, Frame};
use super::parcel::Parcels;
use super::roster::Roster;
use super::standing::Standing;
use super::streams::Streams;
use crate::chat::{LoginId, NodeId, Now, PeerMessage, Place};
use crate::presence::Directory;
use crate::storage::Arrival;
use rejoin::Presence;
use sessions::{Claiming, Locating, Present};

/// How often a lease is renewed, the way to oneself tried, and the store looked at.
pub const TICK: Duration = Duration::from_secs(1);

/// Announcements that wait for Redis: joins are rare, and whose is dropped joins again.
const UNANNOUNCED_MAX: usize = 10_000;

/// What a call in the pipeline was made for.
#[derive(Debug)]
enum Purpose {
    /// A frame of the stream to this node, in this epoch.
    Frame(NodeId, u32),
    Announce {
        shard: u16,
        login: LoginId,
        join: u64,
    },
    Renew {
        sent: Instant,
    },
    Locate(Vec<Locating>),
    Claim(Claiming),
    Presence(Present),
    Assert(UserId, Place),
    Release {
        user: UserId,
        place: Place,
        owing: bool,
    },
    /// Nothing depends on the answer.
    Nothing,
}

/// Whether Redis answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bus {
    /// Not yet.
    Sought,
    Up,
    /// Not any more.
    Lost,
}

/// See the module. One thread owns it.
pub struct Member {
    own: NodeId,
    directory: Arc<Directory>,
    now: Now,
    bus: Bus,
    roster: Roster,
    streams: Streams,
    presence: Presence,
    next: Vec<(Call, Purpose)>,
    /// Recipients to be found in the next pipeline.
    to_locate: Vec<Locating>,
    in_flight: VecDeque<Purpose>,
    /// Logins that Redis cannot judge, since when; one for each connection at most.
    claims_alone: Vec<(Instant, Claiming)>,
    notices: Vec<(Audience, Notice)>,
    arrivals: Arrivals,
    look: LookState,
    look_began: Instant,
    /// The part of the directory that is asserted next.
    part: usize,
    /// Places that Redis was not told are left.
    unreleased: BTreeMap<(UserId, Place), bool>,
    /// What other nodes were not told; those who did it were asked to try again.
    unannounced: Vec<PeerMessage>,
}

/// Whether the store is being asked for new rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LookState {
    Idle,
    Wanted,
    Open,
}

impl Member {
    /// The member `own`. Its users are in `directory`; `standing` is what it tells others on this
    /// node.
    pub fn new(now: Now, own: NodeId, directory: Arc<Directory>, standing: Arc<Standing>) -> Self {
        Self {
            own,
            directory,
            now,
            bus: Bus::Sought,
            roster: Roster::default(),
            streams: Streams::default(),
            presence: Presence::new(standing),
            next: Vec::new(),
            to_locate: Vec::new(),
            in_flight: VecDeque::new(),
            claims_alone: Vec::new(),
            notices: Vec::new(),
            arrivals: Arrivals::default(),
            look: LookState::Idle,
            look_began: now.instant,
            part: 0,
            unreleased: BTreeMap::new(),
            unannounced: Vec::new(),
        }
    }

    /// What loops are to be told, in order.
    pub fn take_notices(&mut self) -> Vec<(Audience, Notice)> {
        std::mem::take(&mut self.notices)
    }

    /// What the store is to be asked; the answer comes as [`Command::Looked`].
    pub fn take_look(&mut self) -> Option<Look> {
        if self.look != LookState::Wanted {
            return None;
        }
        self.look = LookState::Open;
        Some(Look(self.arrivals.after()))
    }

    /// The next pipeline; its answers go to [`Self::handle_replies`], all at once and in order.
    pub fn take_calls(&mut self) -> Vec<Call> {
        self.assert_some();
        self.locate_all();
        for (node, epoch, call) in self.streams.take(self.own) {
            self.next.push((call, Purpose::Frame(node, epoch)));
        }
        let (calls, purposes): (Vec<_>, Vec<_>) = self.next.drain(..).unzip();
        self.in_flight.extend(purposes);
        calls
    }

    /// Whether there would be anything in it.
    pub fn has_calls(&self) -> bool {
        !self.next.is_empty()
            || !self.to_locate.is_empty()
            || self.streams.has_parcels()
            || self.presence.has_asserts()
    }

    /// Somebody on this node wants something.
    pub fn handle_command(&mut self, now: Now, command: Command) {
        self.now = now;
        match command {
            Command::Send { node, epoch, parcels } => self.send(node, epoch, parcels),
            // To say it again at once would only be too much again.
            Command::Overflowed(node) => self.lost(node),
            Command::Locate { shard, lane } => self.locate(Locating { shard, lane, asked: 0 }),
            Command::Claim { place, user, force } => {
                let (stamp, instead_of, asked) = (now.unix_ms, None, 0);
                self.claim(Claiming { place, user, force, stamp, instead_of, asked });
            }
            Command::Release { place, user, owing } => self.release(user, place, owing),
            Command::Presence { shard, conn, users } => {
                self.ask_presence(Present { shard, conn, users, asked: 0 });
            }
            Command::Announce { shard, login, join, message } => {
                self.announce(message, Purpose::Announce { shard, login, join });
            }
            Command::RestartAsked(node, epoch) => {
                if epoch == self.streams.epoch(node) {
                    self.restart(node);
                }
            }
            Command::AskRestart(node, epoch) => {
                self.publish(Channel::Node(node), Body::Restart { epoch }, Purpose::Nothing);
            }
            Command::Listening => self.echo(),
            Command::Echoed(number) => {
                self.presence.handle_echo(number);
                self.settle();
            }
            Command::Deaf => self.presence.handle_deaf(),
            Command::Looked(result) => self.looked(result),
        }
    }

    /// To be called every [`TICK`].
    pub fn handle_tick(&mut self, now: Now) {
        self.now = now;
        self.want_look();
        self.settle();
        if self.bus != Bus::Up {
            return;
        }
        self.renew();
        self.echo();
        for (node, call) in self.streams.positions(self.own) {
            if self.roster.has(node) {
                self.next.push((call, Purpose::Nothing));
            }
        }
        self.assert_part();
    }

    /// Redis is there; nothing is known of what it knows.
    pub fn handle_connected(&mut self, now: Now) {
        self.now = now;
        if self.bus == Bus::Lost {
            self.roster.handle_back(now.instant);
        }
        self.bus = Bus::Up;
        self.renew();
        self.echo();
        for ((user, place), owing) in std::mem::take(&mut self.unreleased) {
            self.release(user, place, owing);
        }
        for message in std::mem::take(&mut self.unannounced) {
            self.announce(message, Purpose::Nothing);
        }
        self.rejoin();
    }

    /// The connection is over, and with it what was not answered.
    pub fn handle_disconnected(&mut self, now: Now) {
        self.now = now;
        self.bus = Bus::Lost;
        // What this node decides by itself from now on others do not know; it hears them again
        // when that is put right.
        self.presence.lose();
        self.locate_all();
        let waiting = std::mem::take(&mut self.next).into_iter().map(|(_, purpose)| purpose);
        for purpose in std::mem::take(&mut self.in_flight).into_iter().chain(waiting) {
            self.give_up(purpose);
        }
        for node in self.streams.in_use() {
            self.lost(node);
        }
    }

    /// The answers to what [`Self::take_calls`] gave last.
    pub fn handle_replies(&mut self, now: Now, replies: impl IntoIterator<Item = Reply>) {
        self.now = now;
        for reply in replies {
            let Some(purpose) = self.in_flight.pop_front() else { break };
            self.handle_reply(purpose, reply);
        }
        self.settle();
    }

    /// The node is about to end: others need not wait for its lease to do so. Its own ear hears it
    /// as well.
    pub fn leave(&mut self) {
        self.echo();
        self.next.push((Call::Leave, Purpose::Nothing));
    }

    fn handle_reply(&mut self, purpose: Purpose, reply: Reply) {
        match (purpose, reply) {
            (Purpose::Frame(node, epoch), Reply::Receivers(0) | Reply::Failed) => {
                if epoch == self.streams.epoch(node) {
                    self.lost(node);
                }
            }
            (Purpose::Announce { shard, login, join }, Reply::Receivers(count)) => {
                let notice = Notice::Announced { login, join, nodes: count };
                self.notices.push((Audience::Shard(shard), notice));
            }
            (Purpose::Renew { sent }, Reply::Roster { renewed, alive, age }) => {
                self.roster.update(alive, age, self.now.instant);
                // Also a node that died before it was spoken to: Redis may take the socket of one
                // that vanished for an open one for minutes.
                for node in self.streams.in_use() {
                    if !self.roster.has(node) {
                        self.lost(node);
                    }
                }
                self.presence.handle_renewed(sent);
                if !renewed {
                    self.rejoin();
                }
            }
            (Purpose::Locate(lanes), Reply::Holdings(found)) => self.located(lanes, found),
            (Purpose::Claim(claiming), Reply::Claimed { granted, before }) => {
                self.claimed(claiming, granted, before);
            }
            (Purpose::Presence(present), Reply::Holdings(found)) => self.present(present, &found),
            (Purpose::Assert(user, place), Reply::Asserted { kept, other }) => {
                self.asserted(user, place, kept, other);
            }
            (Purpose::Frame(..) | Purpose::Release { .. } | Purpose::Nothing, _) => {}
            // An answer that makes no sense is none.
            (purpose, _) => self.give_up(purpose),
        }
    }

    /// What nobody will answer any more.
    fn give_up(&mut self, purpose: Purpose) {
        match purpose {
            Purpose::Locate(lanes) => {
                lanes.into_iter().for_each(|locating| self.located_by_itself(locating));
            }
            Purpose::Claim(claiming) => self.claim_by_itself(claiming),
            Purpose::Presence(present) => self.present(present, &[]),
            Purpose::Assert(..) => self.presence.asserted_or_not(),
            Purpose::Release { user, place, owing } => self.remember_release(user, place, owing),
            Purpose::Frame(..)
            | Purpose::Announce { .. }
            | Purpose::Renew { .. }
            | Purpose::Nothing => {}
        }
    }

    fn echo(&mut self) {
        if self.bus == Bus::Up {
            let number = self.presence.next_echo(self.now.instant);
            self.publish(Channel::All, Body::Echo(number), Purpose::Nothing);
        }
    }

    /// Tells all nodes, now or as soon as they can be told.
    fn announce(&mut self, message: PeerMessage, purpose: Purpose) {
        if self.bus == Bus::Up {
            self.publish(Channel::All, Body::Announcement(message), purpose);
        } else if self.unannounced.len() < UNANNOUNCED_MAX {
            self.unannounced.push(message);
        }
    }

    fn renew(&mut self) {
        self.next.push((Call::Renew, Purpose::Renew { sent: self.now.instant }));
    }

    fn publish(&mut self, channel: Channel, body: Body, purpose: Purpose) {
        if self.bus == Bus::Up {
            let frame = Frame { origin: self.own, body };
            self.next.push((Call::Publish(channel, frame.encode()), purpose));
        }
    }

    fn send(&mut self, node: NodeId, epoch: u32, parcels: Parcels) {
        if epoch != self.streams.epoch(node) {
            return;
        }
        if self.bus != Bus::Up {
            // Answers are asked for again when the stream goes on in its new epoch; one that never
            // began is given one, or nobody would know that something was lost.
            let is_new = !self.streams.has_begun(node);
            if is_new || parcels.want_answer() {
                self.lost(node);
            }
            return;
        }
        self.streams.append(node, parcels);
    }

    /// Something did not reach `node`, which may hear what comes next.
    fn restart(&mut self, node: NodeId) {
        let epoch = Some(self.streams.restart(node));
        self.streams.open(node);
        self.notices.push((Audience::Everyone, Notice::LinkLost { node, epoch }));
    }

    /// Nothing reaches `node`.
    fn lost(&mut self, node: NodeId) {
        let epoch = self.streams.restart(node);
        self.notices.push((Audience::Everyone, Notice::Unreachable { node, epoch }));
    }

    /// Has the store looked at, unless it is already.
    fn want_look(&mut self) {
        if self.look == LookState::Idle {
            self.look = LookState::Wanted;
            self.look_began = self.now.instant;
        }
    }

    fn looked(&mut self, result: Result<Found, ()>) {
        let now = self.now.instant;
        self.look = LookState::Idle;
        match result {
            Err(()) => return self.arrivals.handle_failure(now),
            Ok(Found::Newest(newest)) => self.arrivals.handle_newest(now, newest),
            Ok(Found::Rows(mut rows)) => {
                let look = self.arrivals.handle_page(now, &mut rows);
                self.tell_arrivals(&rows);
                if look == arrivals::Look::GoOn {
                    self.look = LookState::Wanted;
                    return;
                }
            }
        }
        let began = self.look_began;
        self.notices.push((Audience::Everyone, Notice::Looked(began)));
        self.claim_those_looked_for(began);
        if self.presence.handle_looked() {
            self.want_look();
        }
        self.settle();
    }

    fn tell_arrivals(&mut self, rows: &[Arrival]) {
        let mut told = FxHashSet::default();
        for Arrival { recipient, row } in rows {
            if !told.insert(*recipient) {
                continue;
            }
            if let Some(place) = self.directory.locate(*recipient) {
                let message = PeerMessage::Arrived { to: place.login, first: *row };
                self.tell(place, message);
            }
        }
    }

    /// Says something to a shard of this node.
    fn tell(&mut self, place: Place, message: PeerMessage) {
        self.notices.push((Audience::Shard(place.shard.index), Notice::Peer(message)));
    }
}
