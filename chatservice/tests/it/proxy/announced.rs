//! Limits by address, with the addresses that a proxy announces.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{address, announced, behind_proxy, binary, is_served, line, local};
use crate::support::{Client, DEADLINE, Incoming, TestServer, unique_name, wait_until};

#[test]
fn connections_are_counted_for_the_announced_address() {
    let server = TestServer::start(behind_proxy().flag("--connections-per-address", 2));
    let [busy, other] = [address("203.0.113.1"), address("203.0.113.2")];
    let mut held = [announced(&server, &line(busy)), announced(&server, &binary(busy))];
    assert!(held.iter_mut().all(is_served));
    assert!(!is_served(&mut announced(&server, &line(busy))));
    assert!(!is_served(&mut announced(&server, &binary(busy))));
    assert!(is_served(&mut announced(&server, &line(other))));
    drop(held);
    wait_until("there is room again", DEADLINE, || is_served(&mut announced(&server, &line(busy))));
}

#[test]
fn an_ipv6_network_is_one_address_and_a_mapped_address_is_ipv4() {
    let server = TestServer::start(behind_proxy().flag("--connections-per-address", 1));
    let mut held = [
        announced(&server, &binary(address("2001:db8:1::1"))),
        announced(&server, &line(address("203.0.113.1"))),
    ];
    assert!(held.iter_mut().all(is_served));
    for refused in ["2001:db8:1::2", "::ffff:203.0.113.1"] {
        assert!(!is_served(&mut announced(&server, &line(address(refused)))), "{refused}");
        assert!(!is_served(&mut announced(&server, &binary(address(refused)))), "{refused}");
    }
    assert!(is_served(&mut announced(&server, &line(address("2001:db8:1:1::2")))));
}

#[test]
fn a_proxy_that_speaks_for_itself_counts_with_its_own_address() {
    // Loopback, which limits by address leave out.
    let server = TestServer::start(behind_proxy().flag("--connections-per-address", 1));
    let mut clients: Vec<Client> = Vec::new();
    for header in [&local()[..], b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN 1 2 3 4\r\n"] {
        clients.extend((0..2).map(|_| announced(&server, header)));
    }
    assert!(clients.iter_mut().all(is_served));
}

#[test]
fn registrations_are_counted_for_the_announced_address() {
    let server = TestServer::start(behind_proxy().flag("--registrations-per-address", 2));
    let register = |from: &str| {
        let mut client = announced(&server, &binary(address(from)));
        let name = unique_name("behind");
        client.request(json!({"msgid": 1003, "name": name, "password": "p"}))["errno"].clone()
    };
    assert_eq!([0; 2].map(|_| register("203.0.113.1")), [0, 0]);
    assert_eq!(register("203.0.113.1"), 106);
    assert_eq!(register("203.0.113.2"), 0);
}

#[test]
fn who_guesses_behind_a_proxy_does_not_slow_the_owner_behind_it() {
    let server = TestServer::start(behind_proxy());
    let owner = announced(&server, &line(address("203.0.113.1"))).register(&unique_name("owner"));
    let guess = json!({"msgid": 1000, "id": owner.id, "password": "a guess", "mid": "guess"});
    let mut guessers: Vec<Client> =
        (0..20).map(|_| announced(&server, &line(address("203.0.113.66")))).collect();
    for guesser in &mut guessers {
        guesser.send(&guess);
    }
    let login = |from: &str| {
        let mut client = announced(&server, &line(address(from)));
        client.request(owner.login())["errno"].clone()
    };
    let mut refused = |guesser: &mut Client| {
        let answer = guesser.receive(Duration::from_millis(10));
        matches!(answer, Incoming::Object(object) if object["errno"] == 106)
    };
    wait_until("the guesser is refused", DEADLINE, || guessers.iter_mut().any(&mut refused));
    assert_eq!(login("203.0.113.66"), 106);
    let since = Instant::now();
    assert_eq!(login("203.0.113.1"), 0);
    assert!(since.elapsed() < Duration::from_secs(1), "took {:?}", since.elapsed());
}
