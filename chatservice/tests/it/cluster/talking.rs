//! From node to node: one to one, in groups, to those who are offline.

use serde_json::json;

use super::Cluster;

#[test]
fn people_on_different_nodes_talk() {
    let cluster = Cluster::start(2);
    let [one, other] = &cluster.nodes[..] else { panic!("two nodes") };
    let [ann, bob] = one.accounts();
    let (mut here, mut there) = (one.acking(&ann), other.acking(&bob));
    for text in ["hello", "你好 👋", "nul \u{0} and \"quotes\""] {
        let mid = here.say(bob.id, text);
        let push = &there.acknowledged_pushes(1)[0];
        assert_eq!((&push["msg"], &push["mid"]), (&json!(text), &json!(mid)));
        assert_eq!(here.settled(&mid), "delivered");
        there.say(ann.id, text);
        assert_eq!(here.acknowledged_pushes(1)[0]["msg"], text);
    }
    // The original client on one side, and on both.
    let cid = other.account();
    let mut plain = other.original(&cid);
    assert_eq!(here.chat(cid.id, "plain"), "delivered");
    assert_eq!(plain.push()["msg"], "plain");
}

#[test]
fn a_pipeline_arrives_in_order_and_once() {
    let cluster = Cluster::start(2);
    let [one, other] = &cluster.nodes[..] else { panic!("two nodes") };
    let [ann, bob] = one.accounts();
    let (mut here, mut there) = (one.acking(&ann), other.acking(&bob));
    let mids: Vec<_> = (0..1000).map(|n| here.say(bob.id, &n.to_string())).collect();
    for (n, push) in there.acknowledged_pushes(1000).iter().enumerate() {
        assert_eq!(push["msg"], n.to_string());
    }
    for mid in mids {
        assert_eq!(here.settled(&mid), "delivered");
    }
    assert_eq!(there.fence().len(), 0, "nothing comes twice");
}

#[test]
fn who_joins_a_group_on_one_node_hears_those_on_the_others() {
    let cluster = Cluster::start(3);
    let people = cluster.nodes[0].accounts::<3>();
    let mut clients: Vec<_> =
        cluster.nodes.iter().zip(&people).map(|(node, person)| node.acking(person)).collect();
    let name = crate::support::unique_name("group");
    let group = clients[0].request(json!({"msgid": 1007, "groupname": name}))["groupid"].clone();
    let group = group.as_i64().unwrap();
    // The second node caches who is in the group before the third one's user joins it.
    assert_eq!(clients[1].request(json!({"msgid": 1008, "groupid": group}))["errno"], 0);
    let mid = clients[1].say_to_group(group, "two of us");
    assert_eq!(clients[0].acknowledged_pushes(1)[0]["msg"], "two of us");
    assert_eq!(clients[1].settled(&mid), "delivered");
    assert_eq!(clients[2].request(json!({"msgid": 1008, "groupid": group}))["errno"], 0);
    for sender in 0..3 {
        let text = format!("from {sender}");
        let mid = clients[sender].say_to_group(group, &text);
        for recipient in (0..3).filter(|recipient| *recipient != sender) {
            assert_eq!(clients[recipient].acknowledged_pushes(1)[0]["msg"], text.as_str());
        }
        assert_eq!(clients[sender].settled(&mid), "delivered");
    }
}

#[test]
fn who_is_offline_finds_messages_of_all_nodes_at_the_next_login_anywhere() {
    let cluster = Cluster::start(3);
    let people = cluster.nodes[0].accounts::<3>();
    let bob = cluster.nodes[0].account();
    for (node, person) in cluster.nodes.iter().zip(&people) {
        let mut sender = node.acking(person);
        for n in 0..5 {
            assert_eq!(sender.chat(bob.id, &n.to_string()), "stored");
        }
    }
    let mut recipient = cluster.nodes[1].acking(&bob);
    let pushes = recipient.acknowledged_pushes(15);
    for person in &people {
        let texts: Vec<_> =
            pushes.iter().filter(|push| push["id"] == person.id).map(|push| &push["msg"]).collect();
        assert_eq!(texts, ["0", "1", "2", "3", "4"]);
    }
    recipient.fence();
    recipient.logout();
    assert_eq!(cluster.nodes[2].acking(&bob).fence().len(), 0, "what was acknowledged is gone");
}
