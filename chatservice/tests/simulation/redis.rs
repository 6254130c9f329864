//! A model of Redis: it carries out [`Call`]s as the scripts of the server do, forgets by virtual
//! time, and hands frames to those who listen. It can vanish and come back empty, stand still, and
//! be cut off from a node.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use chatproto::UserId;
use chatservice::chat::NodeId;
use chatservice::cluster::call::{Call, Channel, HOLDING_TTL, LEASE, OWING_TTL, Reply};
use chatservice::cluster::holding::{Holding, HoldingState};

use crate::context::Context;
use crate::plant::Plant;
use crate::schedule::{BusTask, Event, MILLISECOND, Micros, Start, Task};

/// The longest way between a node and Redis.
const NETWORK_DELAY: Micros = 20 * MILLISECOND;

/// Until when bytes between Redis and a node get stuck.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cut {
    pub(crate) requests: Micros,
    pub(crate) replies: Micros,
    pub(crate) subscription: Micros,
}

/// What came on the connection of one who asks.
struct Pipeline {
    from: Start,
    own: NodeId,
    calls: VecDeque<Call>,
    replies: Vec<Reply>,
}

/// One who listens.
struct Subscription {
    to: Start,
    own: NodeId,
}

/// What comes from a subscription: a frame, or its end.
pub(crate) type Heard = Option<Vec<u8>>;

/// See the module.
#[derive(Default)]
pub(crate) struct Redis {
    down: bool,
    frozen_until: Micros,
    cuts: Vec<Cut>,
    /// When it first heard of anybody.
    since: Option<Micros>,
    leases: BTreeMap<NodeId, Micros>,
    holdings: BTreeMap<UserId, (Holding, Micros)>,
    pipelines: BTreeMap<u64, Pipeline>,
    subscriptions: BTreeMap<u64, Subscription>,
    /// What is on its way on each subscription, also when Redis knows no more of it.
    pipes: BTreeMap<u64, VecDeque<Heard>>,
    connections: u64,
}

impl Redis {
    pub(crate) fn new(nodes: usize) -> Self {
        Self { cuts: vec![Cut::default(); nodes], ..Self::default() }
    }

    /// Whether a node can talk to it now.
    pub(crate) fn answers(&self, context: &Context, node: usize) -> bool {
        let (now, cut) = (context.schedule.now, self.cuts[node]);
        !self.down && self.frozen_until <= now && cut.requests <= now && cut.replies <= now
    }

    pub(crate) fn connect(&mut self) -> u64 {
        self.connections += 1;
        self.connections
    }

    /// A pipeline of a node.
    pub(crate) fn ask(
        &mut self,
        context: &mut Context,
        (from, own): (Start, NodeId),
        connection: u64,
        calls: Vec<Call>,
    ) {
        if self.down || self.cuts[from.node].requests > context.schedule.now {
            return;
        }
        let (calls, replies) = (calls.into(), Vec::new());
        self.pipelines.insert(connection, Pipeline { from, own, calls, replies });
        let delay = context.delay(NETWORK_DELAY);
        context.schedule.after(delay, Event::Redis { connection });
    }

    /// Carries out some or all of what came on a connection.
    pub(crate) fn serve(&mut self, context: &mut Context, connection: u64) {
        let now = context.schedule.now;
        if self.frozen_until > now {
            return context.schedule.at(self.frozen_until, Event::Redis { connection });
        }
        let Some(mut pipeline) = self.pipelines.remove(&connection) else { return };
        let count = pipeline.calls.len();
        let count = if context.one_in(4) { context.rng.usize(0..=count) } else { count };
        for call in pipeline.calls.drain(..count).collect::<Vec<_>>() {
            let reply = self.carry_out(context, pipeline.own, call);
            pipeline.replies.push(reply);
        }
        let delay = context.delay(NETWORK_DELAY);
        if !pipeline.calls.is_empty() {
            self.pipelines.insert(connection, pipeline);
            context.schedule.after(delay, Event::Redis { connection });
        } else if self.cuts[pipeline.from.node].replies <= now {
            let Pipeline { from: start, replies, .. } = pipeline;
            let task = Task::Bus(BusTask::Replies { connection, replies });
            context.schedule.after(delay, Event::Node { start, task });
        }
    }

    /// A node wants to listen; `None` when that cannot be now.
    pub(crate) fn subscribe(&mut self, context: &Context, to: Start, own: NodeId) -> Option<u64> {
        let now = context.schedule.now;
        if !self.answers(context, to.node) || self.cuts[to.node].subscription > now {
            return None;
        }
        let subscription = self.connect();
        self.subscriptions.insert(subscription, Subscription { to, own });
        self.pipes.insert(subscription, VecDeque::new());
        Some(subscription)
    }

    /// What comes next on a subscription, and when, if bytes are stuck.
    pub(crate) fn hear(
        &mut self,
        context: &Context,
        node: usize,
        subscription: u64,
    ) -> Result<Option<Heard>, Micros> {
        let stuck_until = self.cuts[node].subscription;
        if stuck_until > context.schedule.now {
            return Err(stuck_until);
        }
        Ok(self.pipes.get_mut(&subscription).and_then(VecDeque::pop_front))
    }

    /// A node listens no more; Redis hears of it later.
    pub(crate) fn unsubscribe(&mut self, context: &mut Context, node: usize, subscription: u64) {
        self.pipes.remove(&subscription);
        let at =
            context.schedule.now.max(self.cuts[node].subscription) + context.delay(NETWORK_DELAY);
        context.schedule.at(at, Event::Unsubscribed { subscription });
    }

    pub(crate) fn unsubscribed(&mut self, subscription: u64) {
        self.subscriptions.remove(&subscription);
    }

    /// A node's process has ended; its kernel says so.
    pub(crate) fn node_dies(&mut self, context: &mut Context, start: Start) {
        let of_it = |(id, it): (&u64, &Subscription)| (it.to == start).then_some(*id);
        for subscription in self.subscriptions.iter().filter_map(of_it).collect::<Vec<_>>() {
            self.unsubscribe(context, start.node, subscription);
        }
    }

    /// All connections end, and all is forgotten.
    pub(crate) fn die(&mut self, context: &mut Context) {
        self.down = true;
        self.since = None;
        self.leases.clear();
        self.holdings.clear();
        self.pipelines.clear();
        for subscription in self.subscriptions.keys().copied().collect::<Vec<_>>() {
            self.cut_subscription(context, subscription);
        }
    }

    pub(crate) fn start(&mut self) {
        self.down = false;
    }

    pub(crate) fn freeze(&mut self, until: Micros) {
        self.frozen_until = until;
    }

    pub(crate) fn cut(&mut self, node: usize) -> &mut Cut {
        &mut self.cuts[node]
    }

    /// Nothing is stuck any more.
    pub(crate) fn heal(&mut self, context: &Context) {
        let now = context.schedule.now;
        self.frozen_until = self.frozen_until.min(now);
        self.cuts.fill(Cut::default());
    }

    /// The subscriptions of a node end; some of what was on its way is lost.
    pub(crate) fn cut_subscriptions(&mut self, context: &mut Context, node: usize) {
        let of_it = |(id, it): (&u64, &Subscription)| (it.to.node == node).then_some(*id);
        for subscription in self.subscriptions.iter().filter_map(of_it).collect::<Vec<_>>() {
            self.cut_subscription(context, subscription);
        }
    }

    /// What a node asked on its connection before this is lost.
    pub(crate) fn forget_pipelines(&mut self, node: usize) {
        self.pipelines.retain(|_, pipeline| pipeline.from.node != node);
    }

    /// Who has a user online.
    pub(crate) fn online(&self, user: UserId) -> Option<Holding> {
        let (holding, _) = self.holdings.get(&user)?;
        (holding.state == HoldingState::Online).then_some(*holding)
    }

    fn cut_subscription(&mut self, context: &mut Context, subscription: u64) {
        let Some(Subscription { to, .. }) = self.subscriptions.remove(&subscription) else {
            return;
        };
        if let Some(pipe) = self.pipes.get_mut(&subscription) {
            pipe.truncate(context.rng.usize(0..=pipe.len()));
            pipe.push_back(None);
            say(context, to, subscription);
        }
    }

    fn carry_out(&mut self, context: &mut Context, own: NodeId, call: Call) -> Reply {
        let now = context.schedule.now;
        self.holdings.retain(|_, (_, until)| *until > now);
        match call {
            Call::Publish(channel, frame) => self.publish(context, channel, &frame),
            Call::Renew => {
                let since = *self.since.get_or_insert(now);
                self.leases.retain(|_, until| *until > now);
                let renewed = self.leases.insert(own, now + micros(LEASE)).is_some();
                let alive = self.leases.keys().copied().collect();
                Reply::Roster { renewed, alive, age: Duration::from_micros(now - since) }
            }
            Call::Leave => {
                self.leases.remove(&own);
                Reply::Done
            }
            Call::Holdings(users) => {
                let find = |user| self.holdings.get(&user).map(|(holding, _)| *holding);
                Reply::Holdings(users.into_iter().map(find).collect())
            }
            Call::Claim { user, mine, force, instead_of } => {
                let before = self.holdings.get(&user).map(|(holding, _)| *holding);
                let online = before.is_some_and(|it| it.state == HoldingState::Online);
                let granted = !online || force || before == instead_of;
                if granted {
                    self.hold(user, mine, now + micros(HOLDING_TTL));
                }
                Reply::Claimed { granted, before }
            }
            Call::Assert { user, mine } => {
                let before = self.holdings.get(&user).map(|(holding, _)| *holding);
                let other = before.filter(|before| *before != mine);
                let newer = other.filter(|other| {
                    other.state == HoldingState::Online && other.stamp > mine.stamp
                });
                if newer.is_none() {
                    self.hold(user, mine, now + micros(HOLDING_TTL));
                }
                Reply::Asserted { kept: newer.is_none(), other }
            }
            Call::Release { user, place, owing } => {
                match self.holdings.get_mut(&user) {
                    Some((holding, until)) if holding.place == place && owing => {
                        holding.state = HoldingState::Owing;
                        *until = now + micros(OWING_TTL);
                    }
                    Some((holding, _)) if holding.place == place => {
                        self.holdings.remove(&user);
                    }
                    _ => {}
                }
                Reply::Done
            }
        }
    }

    fn hold(&mut self, user: UserId, mine: Holding, until: Micros) {
        self.holdings.insert(user, (mine, until));
    }

    fn publish(&mut self, context: &mut Context, channel: Channel, frame: &[u8]) -> Reply {
        let mut receivers = 0;
        for (id, Subscription { to, own }) in &self.subscriptions {
            if channel != Channel::All && channel != Channel::Node(*own) {
                continue;
            }
            receivers += 1;
            let Some(pipe) = self.pipes.get_mut(id) else { continue };
            if context.plant.loses_frame(&mut context.rng, frame) {
                continue;
            }
            pipe.push_back(Some(frame.to_vec()));
            if context.plant == Plant::SwappedFrames {
                crate::plant::swap_last_frames(pipe);
            }
            say(context, *to, *id);
        }
        Reply::Receivers(receivers)
    }
}

/// Something is on its way on a subscription.
fn say(context: &mut Context, start: Start, subscription: u64) {
    let delay = context.delay(NETWORK_DELAY);
    let task = Task::Bus(BusTask::Heard { subscription });
    context.schedule.after(delay, Event::Node { start, task });
}

fn micros(duration: Duration) -> Micros {
    duration.as_micros() as Micros
}
