//! A node's two threads for the bus, as the server has them: one asks and publishes for the
//! [`Member`], one hears for the [`Listener`].

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use chatservice::chat::NodeId;
use chatservice::cluster::listener::Heard;
use chatservice::cluster::{Audience, Command, Listener, Member, Notice, Standing};
use chatservice::presence::Directory;

use crate::context::Context;
use crate::node::Outside;
use crate::plant::Plant;
use crate::redis::Redis;
use crate::schedule::{BusTask, Event, MILLISECOND, Micros, SECOND, Start, Task};

/// How long a thread takes to hear of something.
const WAKE_DELAY: Micros = 5 * MILLISECOND;
/// The server's number, as the two that follow.
const ANSWER_WITHIN: Micros = SECOND;
const SILENCE: Micros = 2500 * MILLISECOND;
const RETRY: Micros = 400 * MILLISECOND;

/// The connection that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Talking {
    Away,
    Idle(u64),
    /// A pipeline is on its way.
    Waiting(u64),
    /// It has ended, which is seen when it is used.
    Broken,
}

/// See the module.
pub(crate) struct Bus {
    start: Start,
    own: NodeId,
    shards: u16,
    member: Member,
    listener: Listener,
    pub(crate) standing: Arc<Standing>,
    commands: VecDeque<Command>,
    tick_due: bool,
    talking: Talking,
    /// Pipelines so far.
    pipelines: u64,
    hearing: Option<u64>,
    heard_at: Micros,
    notices: BTreeMap<u16, VecDeque<Notice>>,
}

impl Bus {
    pub(crate) fn new(
        context: &mut Context,
        (start, own): (Start, NodeId),
        shards: u16,
        directory: Arc<Directory>,
    ) -> Self {
        let now = context.now();
        let standing = Arc::new(Standing::new(now.instant));
        let bus = Self {
            start,
            own,
            shards,
            member: Member::new(now, own, directory, Arc::clone(&standing)),
            listener: Listener::new(own, Arc::clone(&standing)),
            standing,
            commands: VecDeque::new(),
            tick_due: false,
            talking: Talking::Away,
            pipelines: 0,
            hearing: None,
            heard_at: 0,
            notices: BTreeMap::new(),
        };
        for task in [BusTask::Tick, BusTask::Connect, BusTask::Subscribe] {
            let delay = context.delay(WAKE_DELAY);
            bus.schedule(context, delay, task);
        }
        bus
    }

    /// The connection that asks, if there is one.
    pub(crate) fn connection(&self) -> Option<u64> {
        match self.talking {
            Talking::Idle(connection) | Talking::Waiting(connection) => Some(connection),
            Talking::Away | Talking::Broken => None,
        }
    }

    /// Somebody on this node wants something.
    pub(crate) fn command(&mut self, context: &mut Context, command: Command) {
        self.commands.push_back(command);
        let delay = context.delay(WAKE_DELAY);
        self.schedule(context, delay, BusTask::Commands);
    }

    /// The next notice to a loop.
    pub(crate) fn take_notice(&mut self, shard: u16) -> Option<Notice> {
        self.notices.get_mut(&shard)?.pop_front()
    }

    pub(crate) fn happen(&mut self, outside: &mut Outside, task: BusTask) {
        let Outside { context, redis, database, .. } = outside;
        match task {
            BusTask::Commands => self.talk(context, redis),
            BusTask::Tick => {
                self.tick_due = true;
                self.schedule(context, SECOND, BusTask::Tick);
                self.talk(context, redis);
            }
            BusTask::Connect => self.connect(context, redis),
            BusTask::Replies { connection, replies } => {
                if self.talking == Talking::Waiting(connection) {
                    self.talking = Talking::Idle(connection);
                    self.member.handle_replies(context.now(), replies);
                    self.talk(context, redis);
                }
            }
            BusTask::Impatient { connection, pipeline } => {
                if self.talking == Talking::Waiting(connection) && self.pipelines == pipeline {
                    self.disconnected(context);
                    self.talk(context, redis);
                }
            }
            BusTask::Disconnected { connection } => {
                if self.talking == Talking::Waiting(connection) {
                    self.disconnected(context);
                    self.talk(context, redis);
                } else if self.talking == Talking::Idle(connection) {
                    self.talking = Talking::Broken;
                }
            }
            BusTask::Subscribe => self.subscribe(context, redis),
            BusTask::Heard { subscription } => self.hear(context, redis, subscription),
            BusTask::Silence { subscription } => self.is_silent(context, redis, subscription),
            BusTask::Look(look) => {
                let delay = context.store_delay();
                let found = database.look(look);
                self.schedule(context, delay, BusTask::Looked(found));
            }
            BusTask::Looked(found) => self.command(context, Command::Looked(found)),
        }
    }

    fn schedule(&self, context: &mut Context, delay: Micros, task: BusTask) {
        let (start, task) = (self.start, Task::Bus(task));
        context.schedule.after(delay, Event::Node { start, task });
    }

    // The thread that asks.

    /// Handles what has come and asks what there is to ask; nothing while it waits for answers.
    fn talk(&mut self, context: &mut Context, redis: &mut Redis) {
        let now = context.now();
        while !matches!(self.talking, Talking::Waiting(_)) {
            for command in std::mem::take(&mut self.commands) {
                if context.plant == Plant::UnaskedRestart
                    && matches!(command, Command::AskRestart(..))
                {
                    continue;
                }
                self.member.handle_command(now, command);
            }
            if std::mem::take(&mut self.tick_due) {
                self.member.handle_tick(now);
            }
            self.hand_on(context);
            let calls = self.member.take_calls();
            if calls.is_empty() {
                return;
            }
            match self.talking {
                Talking::Idle(connection) => self.ask(context, redis, connection, calls),
                Talking::Broken => self.disconnected(context),
                Talking::Away => self.member.handle_disconnected(now),
                Talking::Waiting(_) => {}
            }
        }
        self.hand_on(context);
    }

    fn ask(
        &mut self,
        context: &mut Context,
        redis: &mut Redis,
        connection: u64,
        calls: Vec<chatservice::cluster::call::Call>,
    ) {
        self.talking = Talking::Waiting(connection);
        self.pipelines += 1;
        redis.ask(context, (self.start, self.own), connection, calls);
        let pipeline = self.pipelines;
        self.schedule(context, ANSWER_WITHIN, BusTask::Impatient { connection, pipeline });
    }

    fn connect(&mut self, context: &mut Context, redis: &mut Redis) {
        if redis.answers(context, self.start.node) {
            self.talking = Talking::Idle(redis.connect());
            context.trace(|| format!("node {} is connected", self.start.node));
            self.member.handle_connected(context.now());
            self.talk(context, redis);
        } else {
            let delay = context.rng.u64(RETRY / 4..RETRY * 2);
            self.schedule(context, delay, BusTask::Connect);
        }
    }

    fn disconnected(&mut self, context: &mut Context) {
        self.talking = Talking::Away;
        context.trace(|| format!("node {} is disconnected", self.start.node));
        self.member.handle_disconnected(context.now());
        let delay = context.rng.u64(RETRY / 4..RETRY);
        self.schedule(context, delay, BusTask::Connect);
    }

    fn hand_on(&mut self, context: &mut Context) {
        for (audience, notice) in self.member.take_notices() {
            self.tell(context, audience, &notice);
        }
        if let Some(look) = self.member.take_look() {
            let delay = context.store_delay();
            self.schedule(context, delay, BusTask::Look(look));
        }
    }

    // The thread that hears.

    fn subscribe(&mut self, context: &mut Context, redis: &mut Redis) {
        match redis.subscribe(context, self.start, self.own) {
            None => {
                let delay = context.rng.u64(RETRY / 2..RETRY * 2);
                self.schedule(context, delay, BusTask::Subscribe);
            }
            Some(subscription) => {
                self.hearing = Some(subscription);
                self.heard_at = context.schedule.now;
                context.trace(|| format!("node {} listens", self.start.node));
                self.command(context, Command::Listening);
                self.schedule(context, SILENCE, BusTask::Silence { subscription });
            }
        }
    }

    fn hear(&mut self, context: &mut Context, redis: &mut Redis, subscription: u64) {
        if self.hearing != Some(subscription) {
            return;
        }
        match redis.hear(context, self.start.node, subscription) {
            Err(stuck_until) => {
                let delay = stuck_until - context.schedule.now;
                self.schedule(context, delay, BusTask::Heard { subscription });
            }
            Ok(None) => {}
            Ok(Some(None)) => self.deaf(context, redis, subscription),
            Ok(Some(Some(frame))) => {
                self.heard_at = context.schedule.now;
                self.handle_frame(context, &frame);
            }
        }
    }

    fn handle_frame(&mut self, context: &mut Context, frame: &[u8]) {
        match self.listener.handle_frame(context.now().instant, frame) {
            Heard::Nothing => {}
            Heard::Command(command) => self.command(context, command),
            Heard::Messages { notice, messages } => {
                if let Some(notice) = notice {
                    self.tell(context, Audience::Everyone, &notice);
                }
                for (shard, message) in messages {
                    let notice = Notice::Peer(message);
                    self.tell(context, Audience::Shard(shard), &notice);
                }
            }
        }
    }

    fn is_silent(&mut self, context: &mut Context, redis: &mut Redis, subscription: u64) {
        if self.hearing != Some(subscription) {
            return;
        }
        let due = self.heard_at + SILENCE;
        if due <= context.schedule.now {
            self.deaf(context, redis, subscription);
        } else {
            let delay = due - context.schedule.now;
            self.schedule(context, delay, BusTask::Silence { subscription });
        }
    }

    fn deaf(&mut self, context: &mut Context, redis: &mut Redis, subscription: u64) {
        self.hearing = None;
        context.trace(|| format!("node {} is deaf", self.start.node));
        redis.unsubscribe(context, self.start.node, subscription);
        self.command(context, Command::Deaf);
        self.schedule(context, RETRY / 2, BusTask::Subscribe);
    }

    /// Posts to loops; what is said to one loop arrives in order.
    fn tell(&mut self, context: &mut Context, to: Audience, notice: &Notice) {
        let shards = match to {
            Audience::Everyone => 0..self.shards,
            Audience::Shard(shard) if shard < self.shards => shard..shard + 1,
            Audience::Shard(_) => return,
        };
        let away = self.connection().is_none();
        let Some(notice) = context.plant.notice(notice, away) else { return };
        for shard in shards {
            self.notices.entry(shard).or_default().push_back(notice.clone());
            let delay = context.delay(WAKE_DELAY);
            let (start, task) = (self.start, Task::Notice { shard });
            context.schedule.after(delay, Event::Node { start, task });
        }
    }
}
