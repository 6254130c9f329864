//! How many connections the server holds, and how it comes back from having no more.

use std::time::{Duration, Instant};

use crate::support::{Account, Client, DEADLINE, Incoming, Launch, TestServer, wait_until};

/// Whether the server answers a ping-like request on this connection; false when it closed it.
fn is_served(client: &mut Client) -> bool {
    if client.try_send_bytes(b"{\"msgid\":1006,\"friendid\":1}").is_err() {
        return false;
    }
    let deadline = Instant::now() + DEADLINE;
    loop {
        match client.receive(deadline.saturating_duration_since(Instant::now())) {
            Incoming::Object(object) if object["errno"] == 101 => return true,
            Incoming::Object(_) => {}
            Incoming::Closed => return false,
            Incoming::Nothing => client.fail("neither served nor closed"),
        }
    }
}

fn log_in(server: &TestServer, accounts: &[Account]) -> Vec<Client> {
    accounts.iter().map(|account| server.acking(account)).collect()
}

#[test]
fn above_the_limit_connections_are_closed_until_one_leaves() {
    let server = TestServer::with(&[("--connections-max", 20)]);
    let mut held: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    assert!(held.iter_mut().all(is_served));
    for _ in 0..10 {
        assert!(!is_served(&mut server.connect()));
    }
    assert!(held.iter_mut().all(is_served), "those who were there stay");
    drop(held.pop());
    wait_until("the place is given to another", DEADLINE, || is_served(&mut server.connect()));
}

#[test]
fn connections_without_a_login_leave_room_for_the_others() {
    let server = TestServer::with(&[("--anonymous-max", 10)]);
    let accounts = server.accounts::<12>();
    let mut users = log_in(&server, &accounts);
    let mut mute: Vec<Client> = Vec::new();
    wait_until("the registering connections are gone", DEADLINE, || {
        mute = (0..10).map(|_| server.connect()).collect();
        mute.iter_mut().all(is_served)
    });
    assert!(!is_served(&mut server.connect()));
    for user in &mut users {
        assert_eq!(user.chat_with_oneself(), "it works");
    }
    drop(mute);
    wait_until("the places are given to others", DEADLINE, || is_served(&mut server.connect()));
}

#[test]
fn a_login_gives_its_anonymous_place_to_another_and_a_logout_takes_one() {
    let server = TestServer::with(&[("--anonymous-max", 3)]);
    let accounts = server.accounts::<8>();
    wait_until("the registering connection is gone", DEADLINE, || {
        let mut three = [(); 3].map(|()| server.connect());
        three.iter_mut().all(is_served)
    });
    let mut users = Vec::new();
    for account in &accounts {
        wait_until("a place is free", DEADLINE, || {
            let mut client = server.connect();
            let free = is_served(&mut client);
            if free {
                client.fence_by_login(&account.login());
                users.push(client);
            }
            free
        });
    }
    for user in &mut users {
        user.logout();
    }
    // More than three anonymous ones now: the server may close some, but it lives.
    drop(users);
    server.assert_alive_soon();
}

#[test]
fn limits_by_address_leave_loopback_out() {
    let flags = [("--connections-per-address", 3), ("--registrations-per-address", 2)];
    let server = TestServer::with(&flags);
    let mut held: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    for client in &mut held {
        client.fence_by_register();
    }
}

#[test]
fn without_descriptors_the_server_waits_and_comes_back_by_itself() {
    let server = TestServer::start(Launch::new().descriptors(80));
    let [me, other] = server.accounts();
    let mut users = [server.acking(&me), server.acking(&other)];
    let mut crowd: Vec<Client> = Vec::new();
    for _ in 0..150 {
        crowd.push(server.connect());
    }
    // Those who are in are served all the while.
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(500) {
        for user in &mut users {
            assert_eq!(user.chat_with_oneself(), "it works");
        }
    }
    let cpu_before = cpu_time(server.pid());
    let since = Instant::now();
    std::thread::sleep(Duration::from_millis(500));
    let busy = cpu_time(server.pid()).saturating_sub(cpu_before);
    assert!(busy < since.elapsed() / 2, "spins while it has no descriptors: {busy:?}");
    drop(crowd);
    server.assert_alive_soon();
    for user in &mut users {
        assert_eq!(user.chat_with_oneself(), "it works");
    }
}

/// Processor time that a process has used.
fn cpu_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process is there");
    let fields = stat.rsplit_once(')').expect("the name is in brackets").1;
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u64>().expect("a number"))
        .sum();
    // USER_HZ is 100 on every Linux that this runs on.
    Duration::from_millis(ticks * 10)
}
