//! One chat loop: a shard, and the connections that its clients are at.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reactor::{
    Buffer, CloseReason, Connection, ConnectionId, Connections, Seat, Service, ServiceHandle,
    TimerId,
};

use super::entrance::Origin;
use super::health::Sign;
use super::neighbours::{Away, Neighbours};
use super::{Asker, Post, Shared, post_lists};
use crate::chat::{ConnId, Effects, NodeId, Now, PeerMessage, Shard, ShardId};
use crate::clock;
use crate::storage::Request;

/// Why a connection is not being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// The rules want an answer first.
    Rules,
    /// Its own output is not taken.
    Output,
}

/// What is kept beside each connection.
#[derive(Debug, Default)]
pub(super) struct ConnState {
    rules_hold: bool,
    output_hold: bool,
    /// Whether it is among the [`ChatLoop::held`].
    listed: bool,
    pub(super) origin: Origin,
}

/// See the module.
pub(super) struct ChatLoop {
    pub(super) id: ShardId,
    pub(super) shard: Shard,
    pub(super) shared: Arc<Shared>,
    handles: Arc<[ServiceHandle<Post>]>,
    /// What the workers are to be asked at the end of the turn.
    pub(super) requests: Vec<(Asker, Request)>,
    /// What is to be posted to the other loops at the end of the turn.
    pub(super) outboxes: Vec<Vec<PeerMessage>>,
    /// The same for other nodes, if there may be any.
    pub(super) away: Option<Away>,
    pub(super) effects: Effects,
    now: Now,
    alarm: Option<(Instant, TimerId)>,
    settling: Settling,
    /// Goodbyes at a time, once they are said.
    goodbyes: Option<usize>,
    /// Clients that are not read, at least lately, for their own output is not taken, and the bytes
    /// that each had taken when it was last looked at.
    held: Vec<(ConnectionId, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settling {
    NotAsked,
    Asked,
    Reported,
}

/// Tag of the timer for the shard's deadlines.
const ALARM: u64 = 0;
/// Tag of the timer that looks at the clients that are held.
const HELD: u64 = 1;
/// Tag of the timer for the next goodbyes.
const GOODBYE: u64 = 2;
/// Between goodbyes, so that those who left have time to log in elsewhere before the next do.
const GOODBYE_PAUSE: Duration = Duration::from_millis(50);
/// Clients that are told at a time, at least, …
const GOODBYES_MIN: usize = 50;
/// … so that all of them are told in two seconds.
const GOODBYE_STEPS: usize = 40;
/// Room for requests of a turn that is kept for the next one.
const REQUESTS_KEPT: usize = 256;
/// Looks at a client that is held, in the time that it may take nothing.
const LOOKS: u32 = 4;

pub(super) type Conns<'a> = Connections<'a, ConnState>;
pub(super) type Conn<'a> = Connection<'a, ConnState>;

impl ChatLoop {
    pub(super) fn new(seat: Seat<Post>, shared: Arc<Shared>) -> Self {
        let shards = seat.handles.len();
        let node = shared.neighbours.as_ref().map_or(NodeId::ALONE, Neighbours::own);
        let id = ShardId { node, index: seat.index as u16 };
        let rules = shared.config.rules.clone();
        let now = clock::now();
        let mut shard = Shard::new(now, id, shards as u16, rules, Box::new(random));
        let away = shared.neighbours.clone().map(|neighbours| Away::new(neighbours, &mut shard));
        Self {
            id,
            shard,
            away,
            shared,
            requests: Vec::new(),
            outboxes: (0..shards).map(|_| Vec::new()).collect(),
            handles: seat.handles,
            effects: Effects::default(),
            now,
            alarm: None,
            settling: Settling::NotAsked,
            goodbyes: None,
            held: Vec::new(),
        }
    }

    /// The time of this turn; the wall clock is read once a turn.
    pub(super) fn now(&mut self, turn: Instant) -> Now {
        if self.now.instant != turn {
            self.now = clock::now_at(turn);
            if let Some(away) = &mut self.away {
                away.check_standing(self.now, &mut self.shard);
            }
        }
        self.now
    }

    fn post_outboxes(&mut self) {
        post_lists(&self.handles, &mut self.outboxes, Post::Peers);
        if let Some(away) = &mut self.away {
            away.send();
        }
    }

    fn set_alarm(&mut self, connections: &mut Conns<'_>) {
        let Some(next) = self.shard.next_deadline() else { return };
        if self.alarm.is_some_and(|(at, _)| at <= next) {
            return;
        }
        if let Some((_, timer)) = self.alarm.take() {
            connections.cancel(timer);
        }
        let delay = next.saturating_duration_since(connections.now());
        self.alarm = Some((next, connections.run_after(delay, ALARM)));
    }

    /// Stops reading from a client that does not read.
    fn hold_for_output(&mut self, connection: &mut Conn<'_>) {
        hold(connection, Hold::Output);
        if std::mem::replace(&mut connection.state_mut().listed, true) {
            return;
        }
        if self.held.is_empty() {
            self.look_at_held_later(&mut connection.connections());
        }
        self.held.push((connection.id(), connection.bytes_written()));
    }

    fn look_at_held_later(&self, connections: &mut Conns<'_>) {
        connections.run_after(self.shared.config.write_stall / LOOKS, HELD);
    }

    /// Clients that are held and take something are alive, though their pings lie unread.
    fn look_at_held(&mut self, connections: &mut Conns<'_>) {
        let now = self.now(connections.now());
        let shard = &mut self.shard;
        self.held.retain_mut(|(id, before)| {
            let Some(mut connection) = connections.get(*id) else { return false };
            let taken = connection.bytes_written();
            if std::mem::replace(before, taken) != taken {
                shard.handle_alive(now, conn_of(&connection));
            }
            let state = connection.state_mut();
            state.listed = state.output_hold;
            state.listed
        });
        self.run_effects(connections);
        if self.held.is_empty() {
            self.held = Vec::new();
        } else {
            self.look_at_held_later(connections);
        }
    }

    fn report_when_settled(&mut self) {
        if self.settling == Settling::Asked && self.shard.is_settled() {
            self.settling = Settling::Reported;
            self.report();
        }
    }

    /// Tells some clients to go, and the rest a little later.
    fn say_goodbye(&mut self, connections: &mut Conns<'_>) {
        let now = self.now(connections.now());
        self.settling = Settling::Reported;
        let at_most = *self
            .goodbyes
            .get_or_insert_with(|| GOODBYES_MIN.max(connections.len() / GOODBYE_STEPS));
        let some_left = self.shard.handle_goodbye(now, at_most, super::RETURN_SPAN_MS);
        self.run_effects(connections);
        if some_left {
            connections.run_after(GOODBYE_PAUSE, GOODBYE);
        } else {
            self.report();
        }
    }

    /// What the node waits for is done here.
    fn report(&self) {
        // Nobody listens any more when it took too long.
        let _late = self.shared.done.send(self.id.index);
    }
}

impl Service for ChatLoop {
    type State = ConnState;
    type Post = Post;

    fn on_connected(&mut self, connection: &mut Conn<'_>) {
        self.meet(connection);
    }

    fn on_message(&mut self, connection: &mut Conn<'_>, input: &mut Buffer) {
        if !self.is_met(connection, input) {
            return;
        }
        let now = self.now(connection.now());
        let used = self.shard.handle_bytes(now, conn_of(connection), input.peek());
        input.retrieve(used);
        self.run_effects(&mut connection.connections());
    }

    fn on_end_of_stream(&mut self, connection: &mut Conn<'_>) {
        if connection.state().origin == Origin::Awaited {
            return connection.force_close();
        }
        let now = self.now(connection.now());
        self.shard.handle_end_of_stream(now, conn_of(connection));
        self.run_effects(&mut connection.connections());
    }

    fn on_write_complete(&mut self, connection: &mut Conn<'_>) {
        // It counts as delivery, so it must be true of everything sent so far.
        if connection.queued_bytes() > 0 {
            return;
        }
        let now = self.now(connection.now());
        self.shard.handle_written(now, conn_of(connection));
        self.run_effects(&mut connection.connections());
    }

    fn on_high_water(&mut self, connection: &mut Conn<'_>, _queued: usize) {
        self.hold_for_output(connection);
    }

    fn on_low_water(&mut self, connection: &mut Conn<'_>) {
        release(connection, Hold::Output);
    }

    fn on_closed(&mut self, connection: &mut Conn<'_>, reason: CloseReason) {
        let now = self.now(connection.now());
        self.shard.handle_closed(now, conn_of(connection));
        self.run_effects(&mut connection.connections());
        self.part(connection, reason);
    }

    /// The only timer of a connection is that for its PROXY header.
    fn on_timer(&mut self, connection: &mut Conn<'_>, _tag: u64) {
        if connection.state().origin == Origin::Awaited {
            self.refuse_stranger(connection);
        }
    }

    fn on_post(&mut self, connections: &mut Conns<'_>, post: Post) {
        let now = self.now(connections.now());
        match post {
            Post::Peers(messages) => {
                for message in messages {
                    self.shard.handle_peer(now, message);
                    self.run_effects(connections);
                }
            }
            Post::Answers(answers) => {
                for (ticket, answer) in answers {
                    self.shard.handle_answer(now, ticket, answer);
                    self.run_effects(connections);
                }
            }
            Post::Notices(notices) => {
                for notice in notices {
                    self.handle_notice(now, notice);
                    self.run_effects(connections);
                }
            }
            Post::Ping(health) => {
                // A port that was closed tells nobody.
                let _ended = health.post(Sign::Loop(self.id.index));
            }
            Post::Settle => {
                self.settling = Settling::Asked;
                self.shard.handle_stop(now);
                self.run_effects(connections);
            }
            Post::Goodbye => self.say_goodbye(connections),
        }
    }

    fn on_service_timer(&mut self, connections: &mut Conns<'_>, tag: u64) {
        match tag {
            GOODBYE => self.say_goodbye(connections),
            ALARM => {
                self.alarm = None;
                let now = self.now(connections.now());
                self.shard.handle_deadlines(now);
                self.run_effects(connections);
            }
            _ => self.look_at_held(connections),
        }
    }

    fn on_turn_end(&mut self, connections: &mut Conns<'_>) {
        while !self.requests.is_empty() {
            let now = self.now(connections.now());
            self.submit_requests(now);
            self.run_effects(connections);
        }
        self.requests.shrink_to(REQUESTS_KEPT);
        self.post_outboxes();
        self.set_alarm(connections);
        self.report_when_settled();
    }

    /// Everything was said at [`Post::Goodbye`].
    fn on_stop(&mut self, connections: &mut Conns<'_>) {
        connections.for_each(|connection| connection.close_after_flush());
    }
}

pub(super) fn conn_of(connection: &Conn<'_>) -> ConnId {
    ConnId(connection.id().as_u64())
}

/// Stops reading until the hold is released.
pub(super) fn hold(connection: &mut Conn<'_>, hold: Hold) {
    let state = connection.state_mut();
    match hold {
        Hold::Rules => state.rules_hold = true,
        Hold::Output => state.output_hold = true,
    }
    connection.stop_reading();
}

/// Reads again when no other hold is left.
pub(super) fn release(connection: &mut Conn<'_>, hold: Hold) {
    let state = connection.state_mut();
    match hold {
        Hold::Rules => state.rules_hold = false,
        Hold::Output => state.output_hold = false,
    }
    if !state.rules_hold && !state.output_hold {
        connection.start_reading();
    }
}

/// Has what is left unread offered again in the next turn, unless something holds the reading.
pub(super) fn read_again(connection: &mut Conn<'_>) {
    let state = connection.state();
    if !state.rules_hold && !state.output_hold {
        connection.stop_reading();
        connection.start_reading();
    }
}

/// 128 bits from the operating system.
pub(super) fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the kernel's random source has no error once it is seeded");
    bytes
}
