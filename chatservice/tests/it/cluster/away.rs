//! Redis or the database away.

use std::time::Duration;

use super::{Cluster, deliver, insist, try_login};
use crate::support::{Client, MariaDb, wait_until};

#[test]
fn without_redis_a_node_goes_on_and_messages_for_others_wait_in_the_store() {
    let mut cluster = Cluster::start(2);
    let [ann, bob, cid, dan] = cluster.nodes[0].accounts();
    let mut here = cluster.nodes[0].acking(&ann);
    let mut beside = cluster.nodes[0].acking(&bob);
    let mut there = cluster.nodes[1].acking(&cid);
    deliver(&mut here, &mut there, cid.id, "before");
    for round in 0..2 {
        cluster.redis.kill9();
        deliver(&mut here, &mut beside, bob.id, "beside");
        let text = format!("while it is away {round}");
        let (took, state) = insist(&mut here, cid.id, &text);
        assert!(state == "stored" && took < Duration::from_secs(8), "{state} after {took:?}");
        while there.acknowledged_pushes(1)[0]["msg"] != text.as_str() {}
        // Somebody new may come, too.
        let mut new = cluster.nodes[1].acking(&dan);
        new.fence();
        new.logout();
        cluster.redis.restart();
        until_delivered(&mut here, &mut there, cid.id);
    }
}

#[test]
fn a_redis_that_comes_back_empty_learns_who_is_where() {
    let mut cluster = Cluster::start(2);
    let [ann, bob] = cluster.nodes[0].accounts();
    let mut here = cluster.nodes[0].acking(&ann);
    let mut there = cluster.nodes[1].acking(&bob);
    cluster.redis.kill9();
    cluster.redis.restart();
    // A login before Bob's node has said whom it has would be granted, and end his session.
    until_delivered(&mut here, &mut there, bob.id);
    assert_eq!(try_login(&cluster.nodes[0], &bob.login())["errno"], 2);
    deliver(&mut here, &mut there, bob.id, "hello");
}

#[test]
fn a_frozen_redis_stops_nobody_on_one_node() {
    let cluster = Cluster::start(2);
    let [ann, bob, cid] = cluster.nodes[0].accounts();
    let mut here = cluster.nodes[0].acking(&ann);
    let mut beside = cluster.nodes[0].acking(&bob);
    let mut there = cluster.nodes[1].acking(&cid);
    cluster.redis.freeze();
    deliver(&mut here, &mut beside, bob.id, "beside");
    let (took, _) = insist(&mut here, cid.id, "frozen");
    assert!(took < Duration::from_secs(9), "took {took:?}");
    assert_eq!(there.acknowledged_pushes(1)[0]["msg"], "frozen");
    cluster.redis.thaw();
    until_delivered(&mut here, &mut there, cid.id);
}

#[test]
fn without_the_database_people_who_are_online_go_on_chatting_across_nodes() {
    let mut maria = MariaDb::start();
    let cluster = Cluster::on(&maria, 2);
    let [ann, bob, offline] = cluster.nodes[0].accounts();
    let mut here = cluster.nodes[0].acking(&ann);
    let mut there = cluster.nodes[1].acking(&bob);
    // Whoever has just logged in waits for the store, which may hold older messages.
    deliver(&mut here, &mut there, bob.id, "before");
    maria.kill9();
    for n in 0..50 {
        deliver(&mut here, &mut there, bob.id, &n.to_string());
    }
    let mid = here.say(offline.id, "cannot be kept");
    let refused =
        here.find_within(Duration::from_secs(10), "an answer", |said| said["mid"] == mid.as_str());
    assert_eq!(refused["errno"], 107);
    maria.restart();
    assert_eq!(insist(&mut here, offline.id, "kept").1, "stored");
}

/// Sends until a message takes the short way again. After a fault one may be pushed twice.
fn until_delivered(sender: &mut Client, recipient: &mut Client, id: i64) {
    wait_until("messages are delivered again", Duration::from_secs(5), || {
        let mid = sender.say(id, "back");
        while recipient.acknowledged_pushes(1)[0]["mid"] != mid.as_str() {}
        sender.settled(&mid) == "delivered"
    });
}
