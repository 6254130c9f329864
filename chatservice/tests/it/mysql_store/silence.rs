//! A server that does not answer: frozen, or behind a line that carries nothing any more.

use std::io::{Read, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use chatproto::{ChatObject, UserId};
use chatservice::message::{Audience, Message};
use chatservice::storage::mysql::{MySqlStore, Sharing, Target};
use chatservice::storage::{Outcome, PageLimit, RowId, Store, StoreError, Write};
use rustix::process::Signal;

use super::nodes::{deposit, message, register};
use super::{LIMITS, open};
use crate::support::{Database, MariaDb, wait_until};

/// What a call may take; 3 s to begin its last statement, 2 s for that, and some for a busy machine.
const CALL_MAX: Duration = Duration::from_millis(5_500);
/// What is answered without asking the server.
const AT_ONCE: Duration = Duration::from_millis(100);

/// An attempt that began before the server was back, the pause behind it, and the next one.
const BACK_WITHIN: Duration = Duration::from_millis(1_800);

/// A line to a database server that can be made to swallow everything, both ways.
struct Line {
    port: u16,
    cut: Arc<AtomicBool>,
}

impl Line {
    fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, cut) = (listener.local_addr().unwrap().port(), Arc::new(AtomicBool::new(false)));
        let line = Self { port, cut: Arc::clone(&cut) };
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let cut = Arc::clone(&cut);
                    thread::spawn(move || carry(from, to, &cut));
                }
            }
        });
        line
    }

    fn store(&self, database: &Database, sharing: Sharing) -> MySqlStore {
        let url = database.url();
        let (head, name) = url.rsplit_once('/').unwrap();
        let (head, _) = head.rsplit_once(':').unwrap();
        let target: Target = format!("{head}:{}/{name}", self.port).parse().unwrap();
        MySqlStore::open(&target, LIMITS, sharing).unwrap()
    }

    fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
    }
}

/// While the line is cut nothing is read, so that what is sent piles up. A connection that was
/// up then stays dead: nothing, and no end, is carried any more.
fn carry(mut from: TcpStream, mut to: TcpStream, cut: &AtomicBool) {
    let mut buffer = vec![0; 1 << 16];
    from.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    loop {
        if cut.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_secs(60));
            return;
        }
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) if to.write_all(&buffer[..count]).is_ok() => {}
            Ok(_) => break,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

fn timed<T>(call: impl FnOnce() -> T) -> (T, Duration) {
    let since = Instant::now();
    let done = call();
    (done, since.elapsed())
}

fn is_unavailable<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Unavailable(_)))
}

/// Texts of `round`, more in one statement than fits into the buffers of a connection.
fn large_batch(round: usize) -> Vec<Write> {
    let text = "x".repeat(60_000);
    let large = |n: usize| {
        let mut large = Message::clone(&message(&format!("{round} {n}"), Audience::One));
        large.object = ChatObject::direct(UserId(1), "ann", UserId(1), &text, "then");
        Write::Deposit { recipient: UserId(n as i64 % 3 + 1), messages: vec![Arc::new(large)] }
    };
    (0..200).map(large).collect()
}

/// Writes and reads, many at a time, until the silence ends it; the longest call of each.
fn slowest_calls(store: &MySqlStore, silence: impl Fn()) -> [Duration; 2] {
    let slowest_until_it_fails = |call: &dyn Fn(usize) -> Result<(), StoreError>| {
        let mut slowest = Duration::ZERO;
        for round in 0.. {
            let (result, took) = timed(|| call(round));
            slowest = slowest.max(took);
            match result {
                Ok(()) => {}
                Err(StoreError::Unavailable(_)) => break,
                Err(error) => panic!("{error}"),
            }
        }
        slowest
    };
    thread::scope(|scope| {
        let read = |_| store.rows(UserId(1), RowId(0), PageLimit::rows(9)).map(drop);
        let readers: Vec<_> =
            (0..6).map(|_| scope.spawn(move || slowest_until_it_fails(&read))).collect();
        let before = store.newest_row().unwrap();
        let writer = scope
            .spawn(|| slowest_until_it_fails(&|round| store.commit(&large_batch(round)).map(drop)));
        wait_until("it writes", Duration::from_secs(20), || store.newest_row().unwrap() > before);
        silence();
        let read = readers.into_iter().map(|reader| reader.join().unwrap()).max();
        [writer.join().unwrap(), read.unwrap()]
    })
}

/// For longer than an attempt takes, so that attempts fall into it.
fn all_is_refused_at_once(store: &MySqlStore) -> Duration {
    let (until, mut slowest) = (Instant::now() + Duration::from_secs(3), Duration::ZERO);
    while Instant::now() < until {
        let (result, commit) = timed(|| store.commit(&[deposit(1, "refused")]));
        assert!(is_unavailable(&result), "{result:?}");
        let (result, read) = timed(|| store.arrivals(RowId(0), 9));
        assert!(is_unavailable(&result), "{result:?}");
        slowest = slowest.max(commit).max(read);
        thread::sleep(Duration::from_millis(5));
    }
    assert!(slowest < AT_ONCE, "took {slowest:?}");
    slowest
}

fn time_until_it_works(store: &MySqlStore) -> Duration {
    let (_, took) = timed(|| {
        wait_until("it works again", Duration::from_secs(10), || {
            store.arrivals(RowId(0), 9).is_ok() && store.commit(&[Write::Barrier]).is_ok()
        });
    });
    assert!(took < BACK_WITHIN, "took {took:?}");
    took
}

fn survives(what: &str, store: &MySqlStore, silence: impl Fn(bool)) {
    for _ in 0..2 {
        let [commit, read] = slowest_calls(store, || silence(true));
        assert!(commit < CALL_MAX && read < CALL_MAX, "commit {commit:?}, read {read:?}");
        let refused = all_is_refused_at_once(store);
        silence(false);
        let back = time_until_it_works(store);
        println!(
            "{what}: commit {commit:?}, read {read:?}, then refused in {refused:?}, back {back:?}"
        );
        let rows = store.arrivals(RowId(0), 100_000).unwrap();
        let remove = |user| {
            let rows = rows.iter().filter(|row| row.recipient == user).map(|row| row.row);
            Write::Remove { recipient: user, rows: rows.collect() }
        };
        assert_eq!(rows.len() % 200, 0, "a batch is stored whole or not at all");
        store.commit(&[1, 2, 3].map(|user| remove(UserId(user)))).unwrap();
    }
}

#[test]
fn a_frozen_server_blocks_no_call_for_long() {
    let maria = MariaDb::start();
    let store = open(&maria.database(), LIMITS, Sharing::Shared);
    register(&store, 3);
    let signal = |silent| if silent { Signal::STOP } else { Signal::CONT };
    survives("frozen", &store, |silent| maria.signal(signal(silent)));
}

#[test]
fn a_dead_line_blocks_no_call_for_long() {
    let maria = MariaDb::shared();
    let (line, database) = (Line::to(maria.port()), maria.database());
    let store = line.store(&database, Sharing::Shared);
    register(&store, 3);
    survives("dead line", &store, |silent| line.cut(silent));
}

/// Rows that somebody else has locked end a batch in time, and the server is not given up for it.
#[test]
fn a_lock_that_is_kept_ends_a_batch_in_time() {
    use mysql::prelude::Queryable;
    let database = MariaDb::shared().database();
    let store = open(&database, LIMITS, Sharing::Shared);
    register(&store, 2);
    let mut keeper = database.conn();
    keeper.query_drop("START TRANSACTION").unwrap();
    keeper.query_drop("SELECT id FROM User WHERE id = 1 FOR UPDATE").unwrap();
    let (result, took) = timed(|| store.commit(&[deposit(2, "b"), deposit(1, "a")]));
    assert!(is_unavailable(&result) && took < CALL_MAX, "{result:?} after {took:?}");
    assert_eq!(store.arrivals(RowId(0), 9), Ok(Vec::new()), "reads go on");
    assert!(store.commit(&[deposit(2, "b")]).is_ok(), "others are written to at once");
    keeper.query_drop("COMMIT").unwrap();
    assert!(store.commit(&[deposit(1, "a")]).is_ok());
}

/// A node that vanishes in the middle of a transaction: others get what it had locked.
#[test]
fn a_vanished_node_locks_nobody_out() {
    let maria = MariaDb::shared();
    let (line, database) = (Line::to(maria.port()), maria.database());
    let (vanishing, staying) =
        (line.store(&database, Sharing::Shared), open(&database, LIMITS, Sharing::Shared));
    register(&staying, 40);
    let write = |label: &str| -> Vec<Write> {
        let to = |n| {
            let group = message(&format!("{label} {}", n % 7), Audience::Group);
            Write::Deposit { recipient: UserId(n), messages: vec![group] }
        };
        (1..=40).map(to).collect()
    };
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            // The line goes dead in one of them.
            let mut stored = 0;
            while vanishing.commit(&write(&stored.to_string())).is_ok() {
                stored += 1;
            }
            stored
        });
        wait_until("it writes", Duration::from_secs(10), || {
            staying.newest_row().unwrap() > RowId(99)
        });
        line.cut(true);
        let (_, took) = timed(|| {
            wait_until("all are written to", Duration::from_secs(10), || {
                let outcomes = staying.commit(&write("staying")).unwrap_or_default();
                outcomes.iter().filter(|done| matches!(done, Outcome::Deposited(_))).count() == 40
            });
        });
        assert!(took < Duration::from_secs(5), "took {took:?}");
        let stored = writer.join().unwrap();
        println!("others wrote after {took:?}, {stored} batches were stored before");
        let complete = "SELECT COUNT(*) FROM (SELECT sid FROM OfflineMessage
                        GROUP BY SUBSTRING_INDEX(mid, ' ', 1) HAVING COUNT(*) <> 40) AS partial";
        assert_eq!(database.number(complete), 0, "a batch is stored whole or not at all");
    });
}
