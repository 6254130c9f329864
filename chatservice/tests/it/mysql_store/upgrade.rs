//! The schema: made, upgraded, taken over from the original server, cut short anywhere.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use chatproto::{GroupId, UserId};
use chatservice::storage::mysql::{MySqlStore, OpenError, Sharing, Target};
use chatservice::storage::{Group, PageLimit, Person, Profile, Role, Row, RowId, Store};
use mysql::prelude::Queryable;

use super::{LIMITS, open};
use crate::support::{Database, MariaDb};

/// What the original server's chat.sql makes, with what its bugs leave behind.
const ORIGINAL: &str = include_str!("../support/original.sql");

pub(crate) fn original() -> Database {
    let database = MariaDb::shared().database();
    database.conn().query_drop("SET NAMES utf8mb4").unwrap();
    database.load(ORIGINAL);
    database
}

fn target(database: &Database) -> Target {
    database.url().parse().unwrap()
}

fn words(result: Result<MySqlStore, OpenError>) -> String {
    result.err().map(|error| error.to_string()).expect("it must be refused")
}

fn tables(database: &Database) -> Vec<String> {
    database.conn().query("SHOW TABLES").unwrap()
}

fn waiting(store: &MySqlStore, user: i64) -> Vec<Row> {
    store.rows(UserId(user), RowId::default(), PageLimit::rows(100)).unwrap()
}

fn person(id: i64, name: &str) -> Person {
    Person { id: UserId(id), name: name.into() }
}

/// Everything of the original that is worth keeping, and nothing else.
fn assert_taken_over(database: &Database) {
    let store = open(database, LIMITS, Sharing::Exclusive);
    let accounts = [
        (13, "zhang san", "123456"),
        (15, "李四", "密码 666"),
        (16, "Müller", "with'quote"),
        (19, "user-19", ""),
        (21, "$argon", "$ecret"),
    ];
    for (id, name, password) in accounts {
        let found = store.credentials(UserId(id)).unwrap().expect("the account is there");
        assert_eq!((found.name.as_str(), found.password.as_str()), (name, password));
    }
    let members =
        vec![(person(13, "zhang san"), Role::Creator), (person(15, "李四"), Role::Normal)];
    let chat = Group {
        id: GroupId(1),
        name: "C++ chat project".into(),
        description: "start develop a chat project".into(),
        members,
    };
    let cafe = Group {
        id: GroupId(2),
        name: "Café".into(),
        description: String::new(),
        members: vec![(person(15, "李四"), Role::Normal)],
    };
    let profile = |id| store.profile(UserId(id), 100).unwrap();
    let friends = vec![person(15, "李四"), person(21, "$argon")];
    assert_eq!(profile(13), Profile { friends, groups: vec![chat.clone()] });
    let friends = vec![person(13, "zhang san")];
    assert_eq!(profile(15), Profile { friends, groups: vec![chat, cafe] });
    assert_eq!(store.members(GroupId(7)), Ok(None));
    let rows = waiting(&store, 15);
    let texts: Vec<String> = rows.iter().map(|row| row.message.object.text()).collect();
    assert_eq!(rows.len(), 3, "{texts:?}");
    for (text, part) in texts.iter().zip(["hello >_<", "你好，李四", "Müller"]) {
        assert!(text.contains(part), "{part} in {text}");
    }
    let senders: Vec<_> =
        rows.iter().map(|row| (row.message.sender.0, &*row.message.mid)).collect();
    assert_eq!(senders, [(13, "row-1"), (13, "row-2"), (16, "row-4")]);
    assert!(waiting(&store, 13)[0].message.object.text().contains("to all"));
    assert_eq!(database.number("SELECT COUNT(DISTINCT sid) FROM OfflineMessage"), 4);
    assert_eq!(database.number("SELECT COUNT(*) FROM OfflineMessage"), 4);
    assert_eq!(database.number("SELECT MAX(version) FROM SchemaVersion"), 1);
    let left = tables(database);
    assert_eq!(left.len(), 8, "{left:?}");
    assert!(left.iter().all(|name| name.starts_with(char::is_uppercase)), "{left:?}");
}

#[test]
fn a_database_of_the_original_server_is_taken_over() {
    let database = original();
    assert_taken_over(&database);
    assert_taken_over(&database);
}

/// Tables take the server some milliseconds each, so several upgrades are tried at a time.
#[test]
fn an_upgrade_that_is_killed_anywhere_is_finished_by_the_next_start() {
    let (next, enough) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let statements = next.fetch_add(1, Ordering::Relaxed);
                    if statements > enough.load(Ordering::Relaxed) {
                        return;
                    }
                    let database = original();
                    if MySqlStore::upgrade_partly(&target(&database), statements).is_ok() {
                        enough.fetch_min(statements, Ordering::Relaxed);
                    }
                    assert_taken_over(&database);
                }
            });
        }
    });
    assert!(enough.into_inner() > 25, "an upgrade has more statements");
}

#[test]
fn an_upgrade_that_is_killed_again_and_again_gets_there() {
    let database = original();
    for statements in 1..40 {
        let _ = MySqlStore::upgrade_partly(&target(&database), statements);
    }
    assert_taken_over(&database);
}

#[test]
fn several_nodes_may_start_at_once() {
    for (database, messages) in [(MariaDb::shared().database(), 0), (original(), 4)] {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| open(&database, LIMITS, Sharing::Shared));
            }
        });
        assert_eq!(tables(&database).len(), 8);
        assert_eq!(database.number("SELECT COUNT(*) FROM OfflineMessage"), messages);
        assert_eq!(database.number("SELECT COUNT(*) FROM SchemaVersion"), 1);
    }
}

#[test]
fn the_tables_that_an_operator_made_are_used() {
    let database = MariaDb::shared().database();
    database.load(include_str!("../../../../sql/chat.sql"));
    open(&database, LIMITS, Sharing::Exclusive);
}

#[test]
fn tables_of_another_program_are_left_alone() {
    let database = MariaDb::shared().database();
    database.load("CREATE TABLE user (id INT, email TEXT);\nCREATE TABLE friend (userid INT, friendid INT);\n");
    open(&database, LIMITS, Sharing::Exclusive);
    let left = tables(&database);
    assert!(left.contains(&"user".into()) && left.contains(&"friend".into()), "{left:?}");
}

#[test]
fn data_of_a_newer_release_is_left_alone() {
    let database = MariaDb::shared().database();
    open(&database, LIMITS, Sharing::Exclusive);
    database.conn().query_drop("INSERT INTO SchemaVersion (version) VALUES (99)").unwrap();
    let refused = words(MySqlStore::open(&target(&database), LIMITS, Sharing::Exclusive));
    assert!(refused.contains("has schema 99, this program knows 1"), "{refused}");
}

#[test]
fn one_server_at_a_time_without_a_bus() {
    let database = MariaDb::shared().database();
    let store = open(&database, LIMITS, Sharing::Exclusive);
    let refused = words(MySqlStore::open(&target(&database), LIMITS, Sharing::Exclusive));
    assert!(refused.starts_with("another server is using mysql://"), "{refused}");
    drop(store);
    open(&database, LIMITS, Sharing::Exclusive);
}
