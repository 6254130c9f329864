//! What makes a server not ready: its store, and its end.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use chatproto::{GroupId, UserId};
use chatservice::config::{Config, Settings};
use chatservice::server::Server;
use chatservice::storage::memory::MemoryStore;
use chatservice::storage::{
    Arrival, Credentials, Outcome, PageLimit, Profile, Row, RowId, Store, StoreError, Write,
};
use parking_lot::{Mutex, RwLock};
use rusqlite::Connection;
use rustix::process::Signal;
use serde_json::json;
use testbed::Redis;

use super::{get, start};
use crate::support::{DEADLINE, Launch, MariaDb, free_port, wait_until};

#[test]
fn a_store_that_fails_makes_it_not_ready_until_it_works_again() {
    let (server, health) = start(Launch::new());
    let database = Connection::open(server.data().join("chat.db")).unwrap();
    database.busy_timeout(DEADLINE).unwrap();
    database.execute_batch("ALTER TABLE User RENAME TO Lost").unwrap();
    assert_eq!(get(health, "/ready"), (503, json!({"status": "failing", "failing": ["store"]})));
    assert_eq!(get(health, "/alive").0, 200);
    database.execute_batch("ALTER TABLE Lost RENAME TO User").unwrap();
    assert_eq!(get(health, "/ready").0, 200);
}

#[test]
fn a_node_that_hears_no_others_is_not_ready_until_it_does() {
    let (database, mut redis) = (MariaDb::shared().database(), Redis::start());
    let (server, health) = start(crate::mysql::launch(&database).flag("--redis", redis.url()));
    assert_eq!(get(health, "/ready").0, 200);
    redis.kill9();
    let failing = (503, json!({"status": "failing", "failing": ["bus"]}));
    wait_until("the bus is missed", DEADLINE, || get(health, "/ready") == failing);
    assert_eq!(get(health, "/alive").0, 200);
    server.assert_alive();
    redis.restart();
    wait_until("it is ready again", DEADLINE, || get(health, "/ready").0 == 200);
}

#[test]
fn a_database_that_others_write_to_delays_no_answer() {
    let (server, health) = start(Launch::new());
    let [me, offline] = server.accounts();
    let mut sender = server.original(&me);
    let database = Connection::open(server.data().join("chat.db")).unwrap();
    database.busy_timeout(DEADLINE).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mid = sender.say(offline.id, "waits for the lock");
    let since = Instant::now();
    for _ in 0..5 {
        assert_eq!(get(health, "/alive").0, 200);
        // Reads work, so whoever is online can be served.
        assert_eq!(get(health, "/ready").0, 200);
    }
    assert!(since.elapsed() < Duration::from_secs(2), "took {:?}", since.elapsed());
    database.execute_batch("ROLLBACK").unwrap();
    assert_eq!(sender.settled(&mid), "stored");
}

#[test]
fn a_server_that_shuts_down_is_alive_but_not_ready() {
    let (mut server, health) = start(Launch::new().flag("--drain-ms", 15_000));
    let [me, offline] = server.accounts();
    let mut sender = server.original(&me);
    sender.fence();
    let database = Connection::open(server.data().join("chat.db")).unwrap();
    database.busy_timeout(DEADLINE).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    sender.say(offline.id, "to be stored before the end");
    // It was read, so the end waits until it is stored.
    sender.fence();
    server.signal(Signal::TERM);
    let failing = (503, json!({"status": "failing", "failing": ["draining"]}));
    wait_until("it is not ready", DEADLINE, || get(health, "/ready") == failing);
    assert_eq!(get(health, "/alive").0, 200);
    database.execute_batch("ROLLBACK").unwrap();
    assert!(server.wait().success());
}

/// A store whose reads wait at a gate.
struct Gated {
    inner: Mutex<MemoryStore>,
    gate: RwLock<()>,
    reads: Mutex<usize>,
}

impl Store for Gated {
    fn credentials(&self, user: UserId) -> Result<Option<Credentials>, StoreError> {
        *self.reads.lock() += 1;
        let _open = self.gate.read();
        self.inner.lock().credentials(user)
    }

    fn profile(&self, user: UserId, members_max: usize) -> Result<Profile, StoreError> {
        self.inner.lock().profile(user, members_max)
    }

    fn members(&self, group: GroupId) -> Result<Option<Vec<UserId>>, StoreError> {
        self.inner.lock().members(group)
    }

    fn rows(&self, to: UserId, after: RowId, limit: PageLimit) -> Result<Vec<Row>, StoreError> {
        self.inner.lock().rows(to, after, limit)
    }

    fn arrivals(&self, after: RowId, limit: usize) -> Result<Vec<Arrival>, StoreError> {
        self.inner.lock().arrivals(after, limit)
    }

    fn newest_row(&self) -> Result<RowId, StoreError> {
        self.inner.lock().newest_row()
    }

    fn commit(&self, writes: &[Write]) -> Result<Vec<Outcome>, StoreError> {
        self.inner.lock().commit(writes)
    }
}

#[test]
fn a_store_that_hangs_makes_it_not_ready_and_is_asked_once() {
    let port = free_port();
    let settings = Settings {
        listen: vec!["127.0.0.1".to_owned(), free_port().to_string()],
        health: Some(port.to_string()),
        threads: Some(1),
        password_kib: Some(8),
        ..Settings::default()
    };
    let config = Config::resolve(settings).unwrap();
    let inner = Mutex::new(MemoryStore::new(config.store_limits));
    let store = Arc::new(Gated { inner, gate: RwLock::new(()), reads: Mutex::new(0) });
    let (served, address) = (Arc::clone(&store), ([127, 0, 0, 1], port).into());
    let (tell, told) = std::sync::mpsc::channel();
    let main_loop = thread::spawn(move || {
        let mut event_loop = reactor::EventLoop::new().unwrap();
        let server = Server::start_on(&mut event_loop, config, served).unwrap();
        tell.send((event_loop.handle(), server)).unwrap();
        event_loop.run().unwrap();
    });
    let (handle, server) = told.recv().unwrap();
    assert_eq!(get(address, "/ready").0, 200);
    let shut = store.gate.write();
    let since = Instant::now();
    let probers: Vec<_> = (0..4).map(|_| thread::spawn(move || get(address, "/ready"))).collect();
    assert_eq!(get(address, "/alive").0, 200);
    assert!(since.elapsed() < Duration::from_secs(1), "took {:?}", since.elapsed());
    for prober in probers {
        let failing = json!({"status": "failing", "failing": ["store"]});
        assert_eq!(prober.join().unwrap(), (503, failing));
    }
    let took = since.elapsed().as_millis();
    assert!((1_900..4_500).contains(&took), "answered after {took} ms");
    assert_eq!(*store.reads.lock(), 2, "one before the gate was shut, one that hangs");
    drop(shut);
    assert_eq!(get(address, "/ready").0, 200);
    server.shut_down();
    handle.quit();
    main_loop.join().unwrap();
}
