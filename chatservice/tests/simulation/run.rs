//! One run: accounts are made, clients and faults have their time, then everything heals and
//! must come to rest.

use chatproto::UserId;
use chatservice::storage::{PageLimit, RowId, Store, Write};

use crate::client::{Client, World};
use crate::context::Context;
use crate::fault;
use crate::link::Link;
use crate::model::{GROUP, user_of};
use crate::node::{Node, Outside};
use crate::plant::Plant;
use crate::profile::Profile;
use crate::redis::Redis;
use crate::schedule::{Event, Micros, SECOND, Start};
use crate::worker::Database;

/// How long everything may take to come to rest.
const HEALING_MAX: Micros = 400 * SECOND;
/// How long it must stay so.
const REST: Micros = 10 * SECOND;

struct Run {
    outside: Outside,
    nodes: Vec<Option<Node>>,
    /// Starts of each node so far.
    starts: Vec<u32>,
    clients: Vec<Client>,
}

/// What did not hold, and the last events before it was seen.
pub(crate) fn run(seed: u64, profile: Profile, plant: Plant) -> Result<(), String> {
    let mut run = Run::new(seed, profile, plant);
    run.go();
    let context = &run.outside.context;
    match context.model.failure() {
        None => Ok(()),
        Some(failure) => Err(format!("{}{failure}", context.last_events())),
    }
}

impl Run {
    fn new(seed: u64, profile: Profile, plant: Plant) -> Self {
        let mut context = Context::new(seed, profile, plant);
        let database = Database::new();
        make_accounts(&mut context, &database);
        let clients: Vec<_> =
            (0..context.profile.clients).map(|index| Client::new(index, &context)).collect();
        let count = context.profile.nodes;
        let nodes = (0..count).map(|_| None).collect();
        for client in 0..clients.len() {
            let at = context.rng.u64(0..context.profile.span / 2);
            context.schedule.at(at, Event::Turn { client });
        }
        fault::schedule(&mut context);
        let redis = Redis::new(count);
        let outside = Outside { context, links: Vec::new(), database, redis };
        let mut run = Self { outside, nodes, starts: vec![0; count], clients };
        for node in 0..count {
            run.start(node);
        }
        run
    }

    fn go(&mut self) {
        self.go_on_until(self.outside.context.profile.span);
        self.outside.context.trace(|| "faults are over".to_owned());
        self.outside.context.healing = true;
        self.outside.redis.heal(&self.outside.context);
        self.rest();
        for node in self.nodes.iter().flatten() {
            node.check_evicted(&mut self.outside);
        }
        self.check_links();
        self.outside.context.model.check_arrivals();
        for link in self.clients.iter().filter_map(Client::current) {
            self.outside.context.model.check_answers(link);
        }
        // Rows that a fault left behind come to their recipients at the next login, and go.
        for _ in 0..2 {
            for index in 0..self.clients.len() {
                self.with_client(index, Client::leave);
            }
            self.rest();
        }
        for user in (0..self.clients.len()).map(user_of) {
            self.check_rows(user);
            self.check_place(user);
        }
        self.check_links();
    }

    /// Online once, and where Redis says.
    fn check_place(&mut self, user: UserId) {
        let places: Vec<_> =
            self.nodes.iter().flatten().filter_map(|node| node.locate(user)).collect();
        let held = self.outside.redis.online(user).map(|holding| holding.place);
        let model = &mut self.outside.context.model;
        if places.len() != 1 {
            model.fail(|| format!("user {user} is online at {places:?}"));
        }
        if self.nodes.len() > 1 && held != places.first().copied() {
            model.fail(|| format!("user {user} is at {places:?}, in Redis at {held:?}"));
        }
    }

    /// Nobody has a connection that is of no use any more.
    fn check_links(&mut self) {
        let stale =
            |it: &&Link| it.server_open && self.clients[it.client].current() != Some(it.index);
        if self.nodes.len() > 1
            && let Some(link) = self.outside.links.iter().find(stale).map(|it| it.index)
        {
            self.outside.context.model.fail(|| format!("link {link} is still open"));
        }
    }

    fn check_rows(&mut self, user: UserId) {
        let rows = self
            .outside
            .database
            .store
            .rows(user, RowId(0), PageLimit::rows(10))
            .unwrap_or_default();
        if !rows.is_empty() {
            self.outside.context.model.fail(|| format!("rows of {user} are left: {rows:?}"));
        }
    }

    /// Until everybody is content for a while.
    fn rest(&mut self) {
        let start = self.outside.context.schedule.now;
        let mut since = start;
        while !self.is_over() {
            let now = self.outside.context.schedule.now.max(since);
            self.go_on_until(now + SECOND / 2);
            let now = now + SECOND / 2;
            self.outside.context.schedule.now = now;
            let settled = self.nodes.iter().all(|node| node.as_ref().is_some_and(Node::is_settled));
            if !settled || !self.clients.iter().all(Client::is_content) {
                since = now;
            }
            if now - since >= REST {
                return;
            }
            if now - start > HEALING_MAX {
                let clients: Vec<_> = self.clients.iter().map(Client::describe).collect();
                let model = &mut self.outside.context.model;
                model.fail(|| format!("no rest: settled {settled}, {}", clients.join("; ")));
            }
        }
    }

    fn is_over(&self) -> bool {
        self.outside.context.model.failure().is_some()
    }

    fn go_on_until(&mut self, end: Micros) {
        while !self.is_over()
            && let Some(event) = self.outside.context.schedule.next(end)
        {
            self.happen(event);
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Turn { client } => self.with_client(client, Client::turn),
            Event::Acknowledge { client, link } => {
                self.with_client(client, |client, world| client.acknowledge(world, link));
            }
            Event::Down { link } => {
                let Outside { context, links, .. } = &mut self.outside;
                if links[link].client_open && links[link].deaf.is_none() {
                    let bytes = links[link].client_receives(context);
                    let client = links[link].client;
                    self.with_client(client, |client, world| client.receive(world, link, &bytes));
                }
            }
            Event::Lost { link } => {
                let client = self.outside.links[link].client;
                self.with_client(client, |client, world| client.lost(world, link));
            }
            Event::Opened { link }
            | Event::Up { link }
            | Event::Take { link }
            | Event::Gone { link } => {
                self.happen_on_link(link, event);
            }
            Event::Node { start, task } => {
                let Some(node) = &mut self.nodes[start.node] else { return };
                if node.start != start {
                } else if node.frozen_until > self.outside.context.schedule.now {
                    let event = Event::Node { start, task };
                    self.outside.context.schedule.at(node.frozen_until, event);
                } else {
                    node.happen(&mut self.outside, task);
                }
            }
            Event::Redis { connection } => {
                let Outside { context, redis, .. } = &mut self.outside;
                redis.serve(context, connection);
            }
            Event::Unsubscribed { subscription } => self.outside.redis.unsubscribed(subscription),
            Event::StoreFails(failing) => self.outside.database.failing = failing,
            Event::Fault(fault) => fault::strike(fault, &mut self.outside, &mut self.nodes),
            Event::Restart { node } => self.start(node),
            Event::RedisRestart => self.outside.redis.start(),
        }
    }

    /// A node looks at one of its connections.
    fn happen_on_link(&mut self, link: usize, event: Event) {
        let outside = &mut self.outside;
        let found = &outside.links[link];
        let node = self.nodes[found.node].as_mut().filter(|node| found.shard < node.shards());
        let Some(node) = node else {
            if matches!(event, Event::Opened { .. }) {
                outside.context.schedule.after(1, Event::Lost { link });
            }
            return;
        };
        if node.frozen_until > outside.context.schedule.now {
            return outside.context.schedule.at(node.frozen_until, event);
        }
        match event {
            Event::Opened { .. } => node.opened(outside, link),
            Event::Up { .. } => node.read(outside, link),
            Event::Take { .. } => node.kernel_takes(outside, link),
            _ => node.gone(outside, link),
        }
    }

    fn start(&mut self, node: usize) {
        if self.nodes[node].is_some() {
            return;
        }
        self.starts[node] += 1;
        let start = Start { node, number: self.starts[node] };
        self.nodes[node] = Some(Node::new(&mut self.outside.context, start));
    }

    fn with_client(&mut self, client: usize, act: impl FnOnce(&mut Client, &mut World<'_>)) {
        let shards = |node: &Option<Node>| node.as_ref().map_or(0, Node::shards);
        let nodes: Vec<_> = self.nodes.iter().map(shards).collect();
        let Outside { context, links, .. } = &mut self.outside;
        act(&mut self.clients[client], &mut World { context, links, nodes: &nodes });
    }
}

fn make_accounts(context: &mut Context, database: &Database) {
    let clients = context.profile.clients;
    let name = "group".to_owned();
    let group = Write::CreateGroup { creator: user_of(0), name, description: String::new() };
    let members = if context.profile.groups { clients.div_ceil(2) } else { 0 };
    let register = |client| Write::Register {
        name: format!("user{client}"),
        password: format!("password{client}"),
    };
    let join = |client| Write::JoinGroup { user: user_of(client), group: GROUP };
    let writes: Vec<_> = (0..clients)
        .map(register)
        .chain(context.profile.groups.then_some(group))
        .chain((1..members).map(join))
        .collect();
    database.store.commit(&writes).expect("memory does not fail");
    context.model.members.certain.extend(0..members);
    context.model.members.possible.extend(0..members);
}
