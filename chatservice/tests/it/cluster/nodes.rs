//! Nodes that end, stand still and come back.

use std::time::{Duration, Instant};

use super::{Cluster, deliver, insist, login_with_force, try_login};
use crate::support::{TestServer, wait_until};

#[test]
fn users_of_a_killed_node_log_in_elsewhere_within_seconds_and_miss_nothing() {
    let mut cluster = Cluster::start(2);
    let [ann, bob] = cluster.nodes[0].accounts();
    let mut sender = cluster.nodes[0].acking(&ann);
    let lost = cluster.nodes[1].original(&bob);
    assert_eq!(sender.chat(bob.id, "before"), "delivered");
    cluster.nodes[1].kill9();
    let killed = Instant::now();
    let (took, state) = insist(&mut sender, bob.id, "meanwhile");
    assert_eq!(state, "stored");
    assert!(took < Duration::from_secs(7), "took {took:?}");
    wait_until("the account is free", Duration::from_secs(6), || {
        try_login(&cluster.nodes[0], &bob.login())["errno"] == 0
    });
    assert!(killed.elapsed() < Duration::from_secs(8), "took {:?}", killed.elapsed());
    drop(lost);
    let mut again = cluster.nodes[0].acking(&bob);
    assert!(again.fence().len() <= 1, "only what the last login was not shown in full");
    deliver(&mut sender, &mut again, bob.id, "after");
}

#[test]
fn a_node_that_stood_still_finds_its_users_gone_and_its_own_again() {
    let cluster = Cluster::start(2);
    let [one, other] = &cluster.nodes[..] else { panic!("two nodes") };
    let [ann, bob, cid, dan] = one.accounts();
    let _late = other.original(&dan);
    let mut stays = other.acking(&cid);
    let mut moves = other.acking(&bob);
    let mut sender = one.acking(&ann);
    other.freeze();
    let frozen = Instant::now();
    let mid_moves = sender.say(bob.id, "to who moves");
    let mid_stays = sender.say(cid.id, "to who stays");
    // Whoever does not want to wait for the frozen node logs in elsewhere.
    let mut moved = one.logged_in(&login_with_force(&bob));
    assert!(frozen.elapsed() < Duration::from_secs(6), "took {:?}", frozen.elapsed());
    assert_eq!(moved.acknowledged_pushes(1)[0]["msg"], "to who moves");
    // By now the others know that it is gone, and do not wait for it at all.
    let since = Instant::now();
    assert_eq!(try_login(one, &dan.login())["errno"], 0);
    assert!(since.elapsed() < Duration::from_secs(3), "took {:?}", since.elapsed());
    sender.settled(&mid_moves);
    sender.settled(&mid_stays);
    other.thaw();
    assert_eq!(stays.acknowledged_pushes(1)[0]["msg"], "to who stays");
    // The old session may still be shown what was on its way; then it is told.
    moves.find("that it was taken over", |said| said["msgid"] == 1014 && said["errno"] == 109);
    for (recipient, id) in [(&mut moved, bob.id), (&mut stays, cid.id)] {
        let mid = sender.say(id, "again");
        assert_eq!(recipient.acknowledged_pushes(1)[0]["msg"], "again");
        sender.settled(&mid);
    }
}

#[test]
fn a_node_that_ends_leaves_its_users_to_the_others_at_once() {
    let mut cluster = Cluster::start(2);
    let [ann, bob] = cluster.nodes[0].accounts();
    let mut sender = cluster.nodes[0].acking(&ann);
    let mut leaves = cluster.nodes[1].acking(&bob);
    let mid = sender.say(bob.id, "shown and not acknowledged");
    leaves.push();
    assert!(cluster.nodes[1].terminate().success());
    let goodbye = leaves.expect(1014);
    assert!(goodbye["errno"] == 111 && goodbye["retry_ms"].is_u64(), "{goodbye}");
    assert_eq!(sender.settled(&mid), "stored");
    let since = Instant::now();
    assert_eq!(try_login(&cluster.nodes[0], &bob.login())["errno"], 0);
    assert!(since.elapsed() < Duration::from_secs(1), "its users are released");
    sender.fence();
    let started = TestServer::start(cluster.launch.clone());
    let [cid] = started.accounts();
    let mut newcomer = started.acking(&cid);
    deliver(&mut newcomer, &mut sender, ann.id, "from a new node");
}
