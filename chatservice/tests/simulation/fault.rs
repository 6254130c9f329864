//! What goes wrong besides clients: when, where and for how long.

use crate::context::Context;
use crate::node::{Node, Outside};
use crate::schedule::{BusTask, Event, MILLISECOND, Micros, SECOND, Start, Task};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A node dies and is started again.
    NodeDies,
    /// A node's process stands still; its kernel and the world go on.
    NodeFreezes,
    /// Redis dies and comes back empty.
    RedisDies,
    RedisFreezes,
    /// What a node says to Redis gets lost, …
    RequestsCut,
    /// … or what Redis answers, …
    RepliesCut,
    /// … or what the node would hear from others.
    SubscriptionStuck,
    /// All of these.
    NodeCut,
    /// A connection ends, and another one can be made at once.
    SubscriptionEnds,
    TalkEnds,
}

/// The longest that a node stands still.
const FREEZE_MAX: Micros = 10 * SECOND;

/// When what goes wrong goes wrong.
pub(crate) fn schedule(context: &mut Context) {
    let span = context.profile.span;
    for _ in 0..context.profile.store_failures {
        let start = context.rng.u64(0..span * 3 / 4);
        let end = start + context.rng.u64(1..span / 4);
        context.schedule.at(start, Event::StoreFails(true));
        context.schedule.at(end, Event::StoreFails(false));
    }
    let (kinds, count) = context.profile.faults;
    for number in 0..count as u64 {
        let part = span / count as u64;
        let at = number * part + context.rng.u64(0..part / 2);
        if let Some(fault) = context.rng.choice(kinds) {
            context.schedule.at(at, Event::Fault(*fault));
        }
    }
}

/// It happens.
pub(crate) fn strike(fault: Fault, outside: &mut Outside, nodes: &mut [Option<Node>]) {
    let Outside { context, redis, .. } = outside;
    let now = context.schedule.now;
    let (_, count) = context.profile.faults;
    // Never beyond the time for faults, nor much into the next one.
    let longest = (context.profile.span / count as u64 / 2).min(FREEZE_MAX);
    let end = now + context.rng.u64(MILLISECOND..longest);
    let end = end.min(context.profile.span);
    let node = context.rng.usize(0..nodes.len());
    context.trace(|| format!("{fault:?}, node {node} until {:.6}", end as f64 / 1e6));
    match fault {
        Fault::NodeDies => {
            let Some(died) = nodes[node].take() else { return };
            died.die(outside);
            outside.context.schedule.at(end, Event::Restart { node });
        }
        Fault::NodeFreezes => {
            if let Some(node) = &mut nodes[node] {
                node.frozen_until = end;
            }
        }
        Fault::RedisDies => {
            redis.die(context);
            for start in nodes.iter().flatten().map(Node::start) {
                disconnect(outside, nodes, start);
            }
            outside.context.schedule.at(end, Event::RedisRestart);
        }
        Fault::RedisFreezes => redis.freeze(end),
        Fault::RequestsCut => redis.cut(node).requests = end,
        Fault::RepliesCut => redis.cut(node).replies = end,
        Fault::SubscriptionStuck => redis.cut(node).subscription = end,
        Fault::NodeCut => {
            let cut = redis.cut(node);
            (cut.requests, cut.replies, cut.subscription) = (end, end, end);
        }
        Fault::SubscriptionEnds => redis.cut_subscriptions(context, node),
        Fault::TalkEnds => {
            if context.rng.bool() {
                redis.forget_pipelines(node);
            }
            if let Some(start) = nodes[node].as_ref().map(Node::start) {
                disconnect(outside, nodes, start);
            }
        }
    }
}

/// The connection on which a node asks ends.
fn disconnect(outside: &mut Outside, nodes: &[Option<Node>], start: Start) {
    let node = nodes[start.node].as_ref();
    if let Some(connection) = node.and_then(Node::connection) {
        let delay = outside.context.delay(20 * MILLISECOND);
        let task = Task::Bus(BusTask::Disconnected { connection });
        outside.context.schedule.after(delay, Event::Node { start, task });
    }
}
