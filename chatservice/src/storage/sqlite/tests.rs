//! What the suite that all stores share cannot ask: files, locks, failures, upgrades.

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use chatproto::{ChatObject, UserId};
use rusqlite::{Connection, StatementStatus};
use tempfile::TempDir;

use super::*;
use crate::message::{Audience, Message, Sid};
use crate::storage::conformance;
use crate::storage::memory::MemoryStore;

const LIMITS: StoreLimits =
    StoreLimits { friends_max: 100, groups_max: 100, members_max: 100, rows_max: 100_000 };
const ANN: UserId = UserId(1);
const BOB: UserId = UserId(2);

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn open(folder: &TempDir) -> SqliteStore {
    SqliteStore::open(folder.path(), LIMITS).unwrap()
}

/// Ann and Bob are there.
fn open_with_users(folder: &TempDir) -> SqliteStore {
    let store = open(folder);
    let register = |name: &str| Write::Register { name: name.into(), password: "hash".into() };
    store.commit(&[register("ann"), register("bob")]).unwrap();
    store
}

fn beside(folder: &TempDir) -> Connection {
    Connection::open(folder.path().join(folder::DATABASE)).unwrap()
}

fn deposit(recipient: UserId, mid: &str, text: &str, audience: Audience) -> Write {
    let object = ChatObject::direct(ANN, "ann", recipient, text, "2026-01-02 03:04:05");
    let sid = Sid(mid.bytes().fold(0, |sum, byte| sum * 256 + u128::from(byte)));
    let message = Message { sid, sender: ANN, mid: mid.into(), audience, object };
    Write::Deposit { recipient, messages: vec![Arc::new(message)] }
}

fn waiting(store: &SqliteStore, recipient: UserId) -> usize {
    store.rows(recipient, RowId::default(), PageLimit::rows(usize::MAX)).unwrap().len()
}

fn words(result: Result<SqliteStore, OpenError>) -> String {
    result.err().map(|error| error.to_string()).unwrap()
}

#[test]
fn conforms() {
    let folders = RefCell::new(Vec::new());
    conformance::run(&|limits| {
        let folder = folder();
        let store = SqliteStore::open(folder.path(), limits).unwrap();
        folders.borrow_mut().push(folder);
        Box::new(store)
    });
}

#[test]
fn agrees_with_the_oracle() {
    let limits = StoreLimits { friends_max: 4, groups_max: 3, members_max: 4, rows_max: 6 };
    for seed in (0..20).chain([fastrand::u64(..)]) {
        let folder = folder();
        let store = SqliteStore::open(folder.path(), limits).unwrap();
        conformance::compare(seed, 60, &store, &MemoryStore::new(limits));
        let orphans = "SELECT COUNT(*) FROM MessageBody
                       WHERE id NOT IN (SELECT body FROM OfflineMessage WHERE body IS NOT NULL)";
        let orphans: i64 = beside(&folder).query_row(orphans, [], |row| row.get(0)).unwrap();
        assert_eq!(orphans, 0, "seed {seed}");
    }
}

#[test]
fn everything_is_there_after_reopening() {
    let folder = folder();
    let store = open_with_users(&folder);
    let writes = [
        deposit(BOB, "m1", "one", Audience::One),
        deposit(BOB, "m2", "all", Audience::Group),
        Write::SetToken { user: BOB, token: Some([3; 32]) },
        Write::AddFriend { user: ANN, friend: BOB },
        Write::CreateGroup { creator: BOB, name: "go".into(), description: "board".into() },
    ];
    store.commit(&writes).unwrap();
    let (rows, profile) = (
        store.rows(BOB, RowId::default(), PageLimit::rows(10)).unwrap(),
        store.profile(BOB, 10).unwrap(),
    );
    drop(store);
    let store = open(&folder);
    assert_eq!(store.rows(BOB, RowId::default(), PageLimit::rows(10)).unwrap(), rows);
    assert_eq!(store.profile(BOB, 10).unwrap(), profile);
    assert_eq!(store.credentials(BOB).unwrap().unwrap().token, Some([3; 32]));
    let last = rows[1].id;
    store.commit(&[Write::Remove { recipient: BOB, rows: vec![rows[0].id, last] }]).unwrap();
    drop(store);
    let outcomes = open(&folder).commit(&[deposit(BOB, "m3", "", Audience::One)]).unwrap();
    assert!(matches!(&outcomes[0], Outcome::Deposited(rows) if rows[0] > last), "{outcomes:?}");
}

#[test]
fn the_text_of_a_group_message_is_stored_once_and_goes_with_the_last_row() {
    let folder = folder();
    let store = open_with_users(&folder);
    let bodies = || -> i64 {
        beside(&folder).query_row("SELECT COUNT(*) FROM MessageBody", [], |row| row.get(0)).unwrap()
    };
    let to = |user| deposit(user, "m", "text", Audience::Group);
    store.commit(&[to(ANN), to(BOB), to(BOB)]).unwrap();
    assert_eq!(bodies(), 1);
    for (user, left) in [(ANN, 1), (BOB, 0)] {
        let rows = store.rows(user, RowId::default(), PageLimit::rows(10)).unwrap();
        let rows = rows.iter().map(|row| row.id).collect();
        store.commit(&[Write::Remove { recipient: user, rows }]).unwrap();
        assert_eq!(bodies(), left);
    }
}

#[test]
fn commits_wait_for_the_disk() {
    let folder = folder();
    let store = open(&folder);
    let setting = |connection: &Connection, name| -> String {
        let value = |row: &rusqlite::Row<'_>| row.get_ref(0).map(|value| format!("{value:?}"));
        connection.pragma_query_value(None, name, value).unwrap()
    };
    let writer = store.writer.lock();
    let full = setting(&writer.connection, "synchronous");
    assert_eq!(full, "Integer(2)");
    assert_eq!(setting(&writer.connection, "foreign_keys"), "Integer(1)");
    assert!(setting(&writer.connection, "journal_mode").contains("Text"));
    assert!(folder.path().join("chat.db-wal").exists());
}

#[test]
fn the_folder_is_made_for_its_owner_alone() {
    let outer = folder();
    let inner = outer.path().join("deep/data");
    let store = SqliteStore::open(&inner, LIMITS).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    for file in ["chat.db", "chat.db-wal", "chat.db-shm"] {
        assert_eq!(mode(&inner.join(file)), 0o600, "{file}");
    }
    drop(store);
}

#[test]
fn one_server_at_a_time() {
    let folder = folder();
    let store = open(&folder);
    let refused = words(SqliteStore::open(folder.path(), LIMITS));
    assert!(refused.starts_with("another server is using the data folder"), "{refused}");
    assert!(!refused.contains('\n'));
    drop(store);
    open(&folder);
}

#[test]
fn a_folder_that_cannot_be_made_is_told() {
    let outer = folder();
    let file = outer.path().join("file");
    fs::write(&file, "").unwrap();
    let refused = words(SqliteStore::open(&file.join("data"), LIMITS));
    assert!(refused.contains("file/data") && refused.contains("choose another"), "{refused}");
}

#[test]
fn data_of_a_newer_release_is_left_alone() {
    let folder = folder();
    drop(open(&folder));
    beside(&folder).pragma_update(None, "user_version", 99).unwrap();
    let refused = words(SqliteStore::open(folder.path(), LIMITS));
    assert!(refused.contains("has schema 99, this program knows 1"), "{refused}");
}

#[test]
fn a_database_of_version_1_is_upgraded() {
    let folder = folder();
    let old = beside(&folder);
    old.execute_batch(include_str!("version_1.sql")).unwrap();
    old.execute_batch(
        r#"PRAGMA user_version = 1;
           INSERT INTO User (name, password) VALUES ('ann', 'hash');
           INSERT INTO OfflineMessage (userid, sender, mid, sid, message)
           VALUES (1, 1, 'm', '0123456789abcdef01234567',
                   '{"msgid":1005,"id":1,"name":"ann","toid":1,"msg":"old","time":"then"}');"#,
    )
    .unwrap();
    drop(old);
    let store = open(&folder);
    assert_eq!(store.credentials(ANN).unwrap().unwrap().name, "ann");
    assert_eq!(waiting(&store, ANN), 1);
    let version: i64 =
        beside(&folder).pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, schema::STEPS.len() as i64);
}

#[test]
fn a_file_that_is_no_database_is_damage() {
    let folder = folder();
    fs::write(folder.path().join(folder::DATABASE), "no database at all ".repeat(500)).unwrap();
    let refused = words(SqliteStore::open(folder.path(), LIMITS));
    assert!(refused.contains("damaged"), "{refused}");
}

#[test]
fn stored_nonsense_is_damage() {
    let folder = folder();
    let store = open_with_users(&folder);
    store.commit(&[deposit(BOB, "m", "text", Audience::One)]).unwrap();
    for nonsense in ["SET message = 'no object'", "SET message = 'x', sid = 'short'"] {
        beside(&folder).execute_batch(&["UPDATE OfflineMessage", nonsense].join(" ")).unwrap();
        let found = store.rows(BOB, RowId::default(), PageLimit::rows(10));
        assert!(matches!(found, Err(StoreError::Corrupt(_))), "{nonsense}: {found:?}");
    }
    assert_eq!(waiting(&store, ANN), 0, "what is not damaged works");
}

#[test]
fn a_full_disk_passes() {
    let folder = folder();
    let store = open_with_users(&folder);
    store.commit(&[deposit(BOB, "kept", "text", Audience::One)]).unwrap();
    let pages_max = |pages: i64| {
        let writer = store.writer.lock();
        writer.connection.pragma_update(None, "max_page_count", pages).unwrap();
    };
    pages_max(1);
    let large = [
        deposit(BOB, "one", &"x".repeat(60_000), Audience::One),
        deposit(BOB, "all", &"x".repeat(60_000), Audience::Group),
    ];
    for _ in 0..2 {
        let failed = store.commit(&large);
        assert!(matches!(&failed, Err(StoreError::Unavailable(why)) if why.contains("full")));
        assert_eq!(waiting(&store, BOB), 1, "all of the batch is rolled back");
    }
    pages_max(1_000_000);
    store.commit(&large).unwrap();
    assert_eq!(waiting(&store, BOB), 3);
}

#[test]
fn counts_survive_a_rollback() {
    let folder = folder();
    let limits = StoreLimits { rows_max: 2, ..LIMITS };
    let store = SqliteStore::open(folder.path(), limits).unwrap();
    let register = Write::Register { name: "ann".into(), password: "hash".into() };
    store.commit(&[register, deposit(ANN, "m1", "", Audience::One)]).unwrap();
    store.writer.lock().connection.pragma_update(None, "max_page_count", 1).unwrap();
    let large = deposit(ANN, "m2", &"x".repeat(60_000), Audience::One);
    let removal = Write::Remove { recipient: ANN, rows: vec![RowId(1)] };
    store.commit(&[removal, large]).unwrap_err();
    let small = |mid| deposit(ANN, mid, "", Audience::One);
    let outcomes = store.commit(&[small("m3"), small("m4")]).unwrap();
    assert!(matches!(outcomes[0], Outcome::Deposited(_)));
    assert_eq!(outcomes[1], Outcome::LimitReached);
}

#[test]
fn a_lock_of_another_program_passes() {
    let folder = folder();
    let store = open_with_users(&folder);
    store.writer.lock().connection.busy_timeout(Duration::from_millis(1)).unwrap();
    let shell = beside(&folder);
    shell.execute_batch("BEGIN IMMEDIATE").unwrap();
    let write = [deposit(BOB, "m", "text", Audience::One)];
    assert!(matches!(store.commit(&write), Err(StoreError::Unavailable(_))));
    assert_eq!(waiting(&store, BOB), 0, "reads go on");
    shell.execute_batch("ROLLBACK").unwrap();
    store.commit(&write).unwrap();
    assert_eq!(waiting(&store, BOB), 1);
}

#[test]
fn other_values_do_not_make_a_statement_anew() {
    let folder = folder();
    let store = open_with_users(&folder);
    let reader = store.readers.take().unwrap();
    let sql = "SELECT name FROM User LEFT JOIN ResumeToken ON userid = id WHERE id = ?1";
    let mut statement = reader.prepare_cached(sql).unwrap();
    for user in [ANN, BOB, ANN] {
        assert!(statement.exists([user.0]).unwrap());
    }
    assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
}
