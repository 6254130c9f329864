//! A member with a Redis of the test's own: what it asks, and what follows from the answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chatproto::{GroupId, UserId};

use super::*;
use crate::chat::{ConnId, LaneKey, Located, LoginId, ShardId};
use crate::storage::{Arrival, RowId};

const OWN: NodeId = NodeId(1);
const OTHER: NodeId = NodeId(2);
const ANN: UserId = UserId(1);
const BOB: UserId = UserId(2);

const fn at(node: NodeId) -> Place {
    let login = LoginId { conn: ConnId(1), number: 1 };
    Place { shard: ShardId { node, index: 0 }, login }
}

fn evict() -> PeerMessage {
    PeerMessage::Evict { to: at(OTHER).login, by: at(OWN) }
}

fn only(message: PeerMessage) -> Parcels {
    [(0, message)].into_iter().collect()
}

fn is_granted((_, notice): &(Audience, Notice)) -> bool {
    matches!(notice, Notice::Claimed(_, ANN, crate::chat::Claim::Granted(None)))
}

struct Rig {
    member: Member,
    directory: Arc<Directory>,
    standing: Arc<Standing>,
    now: Now,
    alive: Vec<NodeId>,
}

impl Rig {
    fn new() -> Self {
        let now = Now { instant: Instant::now(), unix_ms: 1000 };
        let directory = Arc::new(Directory::new(OWN));
        let standing = Arc::new(Standing::new(now.instant));
        let member = Member::new(now, OWN, Arc::clone(&directory), Arc::clone(&standing));
        Self { member, directory, standing, now, alive: vec![OWN, OTHER] }
    }

    /// Connected, listening, and asked whether the store has new rows.
    fn joining() -> Self {
        let mut rig = Self::new();
        rig.member.handle_connected(rig.now);
        rig.member.handle_command(rig.now, Command::Listening);
        rig.answer();
        rig.member.take_look().expect("it looks for rows");
        rig
    }

    fn joined() -> Self {
        let mut rig = Self::joining();
        for found in [Found::Newest(RowId(0)), Found::Rows(Vec::new())] {
            rig.member.handle_command(rig.now, Command::Looked(Ok(found)));
            rig.member.take_look();
        }
        assert!(rig.is_good());
        rig
    }

    fn is_good(&self) -> bool {
        self.standing.period(self.now.instant).is_some()
    }

    /// Nodes of which loops were told that they are out of reach.
    fn given_up(&mut self) -> Vec<NodeId> {
        let notices = self.member.take_notices().into_iter();
        let node = |(_, notice)| match notice {
            Notice::Unreachable { node, .. } => Some(node),
            _ => None,
        };
        notices.filter_map(node).collect()
    }

    /// Where a user is of whom Redis knows nothing.
    fn is_granted(&mut self) -> bool {
        self.member.take_notices().iter().any(is_granted)
    }

    fn found(&mut self) -> Located {
        self.member.take_notices();
        let lane = LaneKey { sender: UserId(8), recipient: UserId(9) };
        self.command(Command::Locate { shard: 0, lane });
        self.answer();
        match &self.member.take_notices()[..] {
            [(_, Notice::Located(_, found))] => *found,
            other => panic!("{other:?}"),
        }
    }

    fn command(&mut self, command: Command) {
        self.member.handle_command(self.now, command);
    }

    /// Answers a pipeline as a Redis in which both nodes are alive and nobody else is anywhere.
    fn answer(&mut self) -> Vec<Call> {
        let calls = self.member.take_calls();
        let mut heard = Vec::new();
        let replies: Vec<_> = calls
            .iter()
            .map(|call| match call {
                Call::Publish(_, frame) => {
                    heard.push(frame.clone());
                    Reply::Receivers(1)
                }
                Call::Renew => Reply::Roster {
                    renewed: true,
                    alive: self.alive.clone(),
                    age: Duration::from_secs(60),
                },
                Call::Holdings(users) => Reply::Holdings(vec![None; users.len()]),
                Call::Claim { .. } => Reply::Claimed { granted: true, before: None },
                Call::Assert { .. } => Reply::Asserted { kept: true, other: None },
                Call::Leave | Call::Release { .. } => Reply::Done,
            })
            .collect();
        self.member.handle_replies(self.now, replies);
        for frame in heard {
            if let Body::Echo(number) = Frame::decode(&frame).unwrap().body {
                self.command(Command::Echoed(number));
            }
        }
        calls
    }
}

#[test]
fn a_node_that_is_not_alive_is_given_up_whenever_it_was_spoken_to() {
    let mut rig = Rig::joined();
    rig.alive = vec![OWN];
    rig.member.handle_tick(rig.now);
    rig.answer();
    rig.member.take_notices();
    // Redis still has the socket of a machine that vanished.
    rig.command(Command::Send { node: OTHER, epoch: 0, parcels: only(evict()) });
    rig.answer();
    assert!(rig.given_up().is_empty());
    rig.member.handle_tick(rig.now);
    rig.answer();
    assert_eq!(rig.given_up(), [OTHER]);
    rig.member.handle_tick(rig.now);
    rig.answer();
    assert!(rig.given_up().is_empty(), "nothing was sent since");
}

fn settled() -> PeerMessage {
    PeerMessage::SenderSettled { to: at(OTHER).login }
}

#[test]
fn while_redis_is_away_only_who_waits_for_an_answer_is_told() {
    let mut rig = Rig::joined();
    rig.command(Command::Send { node: OTHER, epoch: 0, parcels: only(settled()) });
    rig.answer();
    rig.member.handle_disconnected(rig.now);
    assert_eq!(rig.given_up(), [OTHER]);
    rig.command(Command::Send { node: OTHER, epoch: 1, parcels: only(settled()) });
    assert!(rig.given_up().is_empty(), "it is asked for again");
    rig.command(Command::Send { node: OTHER, epoch: 1, parcels: only(evict()) });
    assert_eq!(rig.given_up(), [OTHER]);
}

#[test]
fn what_was_to_be_the_first_on_a_stream_is_missed_as_well() {
    let mut rig = Rig::joined();
    rig.member.handle_disconnected(rig.now);
    rig.member.take_notices();
    rig.command(Command::Send { node: OTHER, epoch: 0, parcels: only(settled()) });
    assert_eq!(rig.given_up(), [OTHER]);
    rig.member.handle_connected(rig.now);
    rig.member.handle_tick(rig.now);
    let says_more_than_nothing = |call: &Call| match call {
        Call::Publish(Channel::Node(OTHER), frame) => {
            matches!(Frame::decode(frame).unwrap().body, Body::Position { epoch: 1, next: 0 })
        }
        _ => false,
    };
    rig.answer();
    rig.member.handle_tick(rig.now);
    assert!(rig.answer().iter().any(says_more_than_nothing), "OTHER asks for a restart");
}

#[test]
fn every_place_that_was_left_while_redis_was_away_is_given_up() {
    let mut rig = Rig::joined();
    rig.member.handle_disconnected(rig.now);
    for number in [1, 2] {
        let mut place = at(OWN);
        place.login.number = number;
        rig.command(Command::Release { place, user: ANN, owing: false });
    }
    rig.member.handle_connected(rig.now);
    let calls = rig.answer();
    assert_eq!(calls.iter().filter(|call| matches!(call, Call::Release { .. })).count(), 2);
}

#[test]
fn a_join_of_which_nobody_could_be_told_is_told_later() {
    let mut rig = Rig::joined();
    rig.member.handle_disconnected(rig.now);
    let message = PeerMessage::GroupInDoubt { group: GroupId(1) };
    rig.command(Command::Announce { shard: 0, login: at(OWN).login, join: 1, message });
    rig.member.handle_connected(rig.now);
    let told = |call: &Call| match call {
        Call::Publish(Channel::All, frame) => {
            matches!(Frame::decode(frame).unwrap().body, Body::Announcement(_))
        }
        _ => false,
    };
    assert_eq!(rig.answer().iter().filter(|call| told(call)).count(), 1);
}

#[test]
fn a_redis_that_comes_back_as_it_once_was_is_not_believed_at_once() {
    let mut rig = Rig::joined();
    rig.member.handle_disconnected(rig.now);
    rig.member.handle_connected(rig.now);
    rig.answer();
    assert_eq!(rig.found(), Located::Unknown);
    rig.now.instant += Duration::from_secs(5);
    rig.member.handle_tick(rig.now);
    rig.answer();
    assert_eq!(rig.found(), Located::Offline);
}

#[test]
fn a_node_is_one_of_the_others_when_the_store_was_looked_at() {
    let mut rig = Rig::joining();
    assert!(!rig.is_good());
    rig.command(Command::Looked(Ok(Found::Newest(RowId(0)))));
    assert!(rig.is_good());
}

#[test]
fn a_look_that_failed_is_none() {
    let mut rig = Rig::joining();
    rig.command(Command::Looked(Err(())));
    assert!(!rig.is_good());
    rig.member.handle_tick(rig.now);
    rig.member.take_look().expect("it tries again");
    rig.command(Command::Looked(Ok(Found::Newest(RowId(0)))));
    assert!(rig.is_good());
}

#[test]
fn a_look_that_was_open_before_is_followed_by_another_at_once() {
    let mut rig = Rig::new();
    rig.member.handle_tick(rig.now);
    rig.member.take_look().expect("it looks for rows");
    rig.member.handle_connected(rig.now);
    rig.member.handle_command(rig.now, Command::Listening);
    rig.answer();
    rig.command(Command::Looked(Ok(Found::Newest(RowId(0)))));
    assert!(!rig.is_good(), "it may have begun before");
    rig.member.take_look().expect("another one follows");
    rig.command(Command::Looked(Ok(Found::Rows(Vec::new()))));
    assert!(rig.is_good());
}

#[test]
fn who_loses_redis_leaves_the_others_at_once() {
    let mut rig = Rig::joined();
    rig.member.handle_disconnected(rig.now);
    assert!(!rig.is_good());
    let claim = || Command::Claim { place: at(OWN), user: ANN, force: false };
    // What she sent elsewhere may have become rows that nobody here has heard of.
    let row = Arrival { recipient: BOB, row: RowId(9) };
    rig.directory.claim(BOB, at(OWN), 1, false);
    rig.member.handle_tick(rig.now);
    rig.member.take_look().expect("it looks for rows");
    rig.now.instant += Duration::from_millis(1);
    rig.command(claim());
    rig.command(Command::Looked(Ok(Found::Rows(Vec::new()))));
    assert!(!rig.is_granted(), "the look began before");
    rig.member.take_look().expect("another one follows");
    rig.command(Command::Looked(Err(())));
    assert!(!rig.is_granted(), "nothing was seen");
    rig.member.handle_tick(rig.now);
    rig.member.take_look().expect("it looks again");
    rig.member.take_notices();
    rig.command(Command::Looked(Ok(Found::Rows(vec![row]))));
    let notices = rig.member.take_notices();
    let is_told = |(_, notice): &(Audience, Notice)| {
        matches!(notice, Notice::Peer(PeerMessage::Arrived { first: RowId(9), .. }))
    };
    let told = notices.iter().position(is_told);
    assert!(told.is_some() && told < notices.iter().position(is_granted), "{notices:?}");
}

#[test]
fn who_waits_to_log_in_asks_redis_when_it_is_back() {
    let mut rig = Rig::joined();
    rig.member.handle_disconnected(rig.now);
    rig.command(Command::Claim { place: at(OWN), user: ANN, force: false });
    rig.member.take_look().expect("it looks for rows");
    rig.member.handle_connected(rig.now);
    rig.answer();
    rig.command(Command::Looked(Ok(Found::Rows(Vec::new()))));
    assert!(!rig.is_granted(), "Redis knows");
    let calls = rig.answer();
    assert!(calls.iter().any(|call| matches!(call, Call::Claim { user: ANN, .. })), "{calls:?}");
    assert!(rig.is_granted());
}

#[test]
fn who_was_to_be_found_when_redis_went_is_unknown() {
    let mut rig = Rig::joined();
    rig.member.take_notices();
    let lane = LaneKey { sender: UserId(8), recipient: UserId(9) };
    rig.command(Command::Locate { shard: 0, lane });
    rig.member.handle_disconnected(rig.now);
    let notices = rig.member.take_notices();
    let unknown = |(_, notice): &(Audience, Notice)| matches!(notice, Notice::Located(found, Located::Unknown) if *found == lane);
    assert!(notices.iter().any(unknown), "{notices:?}");
    assert!(!rig.member.has_calls());
}

#[test]
fn every_user_of_a_small_node_is_asserted_each_second() {
    let mut rig = Rig::joined();
    for user in 1..=100 {
        rig.directory.claim(UserId(user), at(OWN), 1, false);
    }
    for _ in 0..2 {
        rig.member.handle_tick(rig.now);
        let calls = rig.answer();
        let asserts = calls.iter().filter(|call| matches!(call, Call::Assert { .. }));
        assert_eq!(asserts.count(), 100);
    }
}

#[test]
fn who_was_taken_by_another_node_is_given_up_and_told_by_whom() {
    let mut rig = Rig::joined();
    rig.directory.claim(ANN, at(OWN), 1, false);
    rig.member.handle_tick(rig.now);
    let calls = rig.member.take_calls();
    let state = super::super::holding::HoldingState::Online;
    let other = super::super::holding::Holding { place: at(OTHER), stamp: 2, state };
    let reply = |call: &Call| match call {
        Call::Assert { .. } => Reply::Asserted { kept: false, other: Some(other) },
        Call::Publish(..) => Reply::Receivers(1),
        _ => Reply::Done,
    };
    rig.member.handle_replies(rig.now, calls.iter().map(reply).collect::<Vec<_>>());
    assert_eq!(rig.directory.locate(ANN), None);
    let told = rig.member.take_notices();
    let superseded = |(_, notice): &(Audience, Notice)| matches!(notice, Notice::Peer(PeerMessage::Superseded { by, .. }) if *by == at(OTHER));
    assert!(told.iter().any(superseded), "{told:?}");
}

#[test]
fn new_rows_are_told_once_to_those_who_are_here() {
    let mut rig = Rig::joined();
    rig.directory.claim(ANN, at(OWN), 1, false);
    let rows = [(ANN, 7), (ANN, 8), (UserId(2), 9)];
    let arrival = |(recipient, row)| Arrival { recipient, row: RowId(row) };
    for told in [1, 0] {
        let rows = rows.map(arrival).to_vec();
        rig.command(Command::Looked(Ok(Found::Rows(rows))));
        let mut notices = rig.member.take_notices();
        notices.retain(|(_, notice)| matches!(notice, Notice::Peer(_)));
        assert_eq!(notices.len(), told);
    }
}
