//! One session for each user, whichever node it is on.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Cluster, login_with_force, try_login};
use crate::support::{Client, DEADLINE, Incoming, TestServer, wait_until};

#[test]
fn an_account_that_is_online_on_another_node_is_refused_or_taken_over() {
    let cluster = Cluster::start(2);
    let [one, other] = &cluster.nodes[..] else { panic!("two nodes") };
    let ann = one.account();
    let mut first = one.acking(&ann);
    assert_eq!(try_login(other, &ann.login())["errno"], 2);
    let mut second = other.logged_in(&login_with_force(&ann));
    assert_eq!(first.expect(1014)["errno"], 109);
    first.expect_closed();
    let mut third = one.logged_in(&json!({"msgid": 1000, "token": second.token(), "ack": true}));
    assert_eq!(second.expect(1014)["errno"], 109);
    third.logout();
    other.acking(&ann).fence();
}

#[test]
fn friends_are_shown_online_wherever_they_are() {
    let cluster = Cluster::start(2);
    let [one, other] = &cluster.nodes[..] else { panic!("two nodes") };
    let [ann, bob, cid] = one.accounts();
    let mut here = one.acking(&ann);
    for friend in [&bob, &cid] {
        assert_eq!(here.request(json!({"msgid": 1006, "friendid": friend.id}))["errno"], 0);
    }
    here.logout();
    let _there = other.acking(&bob);
    let friends = one.acking(&ann).greeting["friends"].to_string();
    let state = |id: i64, state: &str| {
        let start = format!(r#"{{\"id\":{id},"#);
        friends.split(&start).nth(1).is_some_and(|rest| {
            rest.split('}').next().is_some_and(|entry| entry.contains(&format!(r#"\"{state}\""#)))
        })
    };
    assert!(state(bob.id, "online") && state(cid.id, "offline"), "{friends}");
}

#[test]
fn of_logins_that_race_on_different_nodes_exactly_one_wins() {
    let cluster = Cluster::start(3);
    for _ in 0..20 {
        let ann = cluster.nodes[0].account();
        let start = Barrier::new(cluster.nodes.len());
        let answers: Vec<_> = thread::scope(|scope| {
            let racers: Vec<_> = cluster
                .nodes
                .iter()
                .map(|node| {
                    let (ann, start) = (&ann, &start);
                    scope.spawn(move || {
                        let mut client = node.connect();
                        start.wait();
                        client.send(&ann.login());
                        let errno = client.expect(1001)["errno"].as_i64().unwrap();
                        (client, errno)
                    })
                })
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        let errnos: Vec<_> = answers.iter().map(|(_, errno)| *errno).collect();
        assert_eq!(errnos.iter().filter(|errno| **errno == 0).count(), 1, "{errnos:?}");
        assert_eq!(errnos.iter().filter(|errno| **errno == 2).count(), 2, "{errnos:?}");
    }
}

#[test]
fn of_forced_logins_that_race_exactly_one_stays() {
    let cluster = Cluster::start(2);
    let [one, other] = &cluster.nodes[..] else { panic!("two nodes") };
    for _ in 0..10 {
        let ann = one.account();
        let login = login_with_force(&ann);
        let mut clients: Vec<_> = thread::scope(|scope| {
            let login = &login;
            let force = |node: &TestServer| {
                let mut client = node.connect();
                scope.spawn(move || {
                    client.send(login);
                    client
                })
            };
            let racers = [force(one), force(other)];
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        let over = |said: &Value| said["msgid"] == 1014;
        let first = |client: &mut Client| {
            client.find("an answer", |said| over(said) || said["msgid"] == 1001)
        };
        let firsts: Vec<_> = clients.iter_mut().map(first).collect();
        // Who lost is told before its login was answered, or after it.
        let lost = firsts.iter().position(over).unwrap_or_else(|| {
            let mut lost = None;
            wait_until("one of them is told", DEADLINE, || {
                lost = clients.iter_mut().position(|client| {
                    matches!(client.receive(Duration::from_millis(5)),
                        Incoming::Object(said) if over(&said))
                });
                lost.is_some()
            });
            lost.unwrap()
        });
        assert_eq!(firsts[1 - lost]["errno"], 0);
        clients[1 - lost].fence();
    }
}
