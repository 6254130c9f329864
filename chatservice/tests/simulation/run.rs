//! One run: accounts are made, clients and faults have their time, then everything heals and
//! must come to rest.

use chatproto::UserId;
use chatservice::storage::{PageLimit, RowId, Store, Write};

use crate::client::{Client, World};
use crate::context::Context;
use crate::model::{GROUP, user_of};
use crate::node::{Node, Outside};
use crate::plant::Plant;
use crate::profile::Profile;
use crate::schedule::{Event, MILLISECOND, Micros, SECOND};
use crate::worker::Workers;

/// How long everything may take to come to rest.
const HEALING_MAX: Micros = 400 * SECOND;
/// How long it must stay so.
const REST: Micros = 10 * SECOND;

struct Run {
    outside: Outside,
    node: Option<Node>,
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
        let workers = Workers::new();
        make_accounts(&mut context, &workers);
        let clients: Vec<_> =
            (0..context.profile.clients).map(|index| Client::new(index, &context)).collect();
        let node = Some(Node::new(&mut context, 0));
        for client in 0..clients.len() {
            let at = context.rng.u64(0..context.profile.span / 2);
            context.schedule.at(at, Event::Turn { client });
        }
        schedule_faults(&mut context);
        Self { outside: Outside { context, links: Vec::new(), workers }, node, clients }
    }

    fn go(&mut self) {
        self.go_on_until(self.outside.context.profile.span);
        self.outside.context.trace(|| "faults are over".to_owned());
        self.outside.context.healing = true;
        self.rest();
        if let Some(node) = &self.node {
            node.check_evicted(&mut self.outside);
        }
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
            if !self.node.as_ref().is_some_and(|node| node.is_online(user)) {
                self.outside.context.model.fail(|| format!("user {user} is not online"));
            }
        }
    }

    fn check_rows(&mut self, user: UserId) {
        let rows = self
            .outside
            .workers
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
            let settled = self.node.as_ref().is_some_and(Node::is_settled);
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
            Event::Opened { link } if self.node.is_none() => {
                self.outside.context.schedule.after(1, Event::Lost { link });
            }
            Event::StoreFails(failing) => self.outside.workers.failing = failing,
            Event::Crash => self.crash(),
            Event::Restart => {
                let incarnation = self.outside.workers.incarnation;
                self.node = Some(Node::new(&mut self.outside.context, incarnation));
            }
            event => self.happen_at_node(event),
        }
    }

    fn happen_at_node(&mut self, event: Event) {
        let Some(node) = &mut self.node else { return };
        let outside = &mut self.outside;
        let current = outside.workers.incarnation;
        match event {
            Event::Opened { link } if outside.links[link].shard < node.shards() => {
                node.opened(outside, link);
            }
            Event::Opened { link } => outside.context.schedule.after(1, Event::Lost { link }),
            Event::Up { link } => node.read(outside, link),
            Event::Take { link } => node.kernel_takes(outside, link),
            Event::Gone { link } => node.gone(outside, link),
            Event::Peer { incarnation, from, to } if incarnation == current => {
                node.peer_arrives(outside, from, to);
            }
            Event::Deadline { incarnation, shard } if incarnation == current => {
                node.deadline(outside, shard);
            }
            Event::Commit { incarnation } if incarnation == current => {
                outside.workers.commit(&mut outside.context);
            }
            Event::Read { incarnation, shard, ticket, request } if incarnation == current => {
                outside.workers.read(&mut outside.context, shard, ticket, request);
            }
            Event::Answers { incarnation, answers } if incarnation == current => {
                for (shard, ticket, answer) in answers {
                    node.call(outside, shard, |shard, now| {
                        shard.handle_answer(now, ticket, answer);
                    });
                }
            }
            _ => {}
        }
    }

    /// The node's memory is gone, and so are its connections.
    fn crash(&mut self) {
        self.outside.context.trace(|| "the node dies".to_owned());
        self.node = None;
        self.outside.workers.crash();
        let Outside { context, links, .. } = &mut self.outside;
        for link in links.iter_mut().filter(|link| link.server_open) {
            link.server_closes(context);
        }
    }

    fn with_client(&mut self, client: usize, act: impl FnOnce(&mut Client, &mut World<'_>)) {
        let shards = self.node.as_ref().map_or(1, Node::shards);
        let Outside { context, links, .. } = &mut self.outside;
        act(&mut self.clients[client], &mut World { context, links, shards });
    }
}

fn make_accounts(context: &mut Context, workers: &Workers) {
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
    workers.store.commit(&writes).expect("memory does not fail");
    context.model.members.certain.extend(0..members);
    context.model.members.possible.extend(0..members);
}

fn schedule_faults(context: &mut Context) {
    let span = context.profile.span;
    for _ in 0..context.profile.store_failures {
        let start = context.rng.u64(0..span * 3 / 4);
        let end = start + context.rng.u64(1..span / 4);
        context.schedule.at(start, Event::StoreFails(true));
        context.schedule.at(end, Event::StoreFails(false));
    }
    for number in 0..context.profile.crashes as u64 {
        let part = span / context.profile.crashes as u64;
        let at = number * part + context.rng.u64(0..part / 2);
        context.schedule.at(at, Event::Crash);
        let pause = context.rng.u64(MILLISECOND..part / 2);
        context.schedule.at(at + pause, Event::Restart);
    }
}
