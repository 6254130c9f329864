//! What cannot work is said in one line, with what to do.

use std::process::{Output, Stdio};
use std::time::Duration;

use mysql::prelude::Queryable;
use tempfile::TempDir;

use crate::durability::assert_one_clear_line;
use crate::support::{Ended, Launch, MariaDb, TestServer, free_port, wait_for_exit};

/// Starts a server; its output when it ends within `limit`, nothing when it had to be killed.
pub(crate) fn try_to_run(url: &str, limit: Duration) -> Option<Output> {
    let folder = TempDir::new().unwrap();
    let mut command = Launch::new().environment("CHAT_MYSQL", url).command();
    command.args(["127.0.0.1", &free_port().to_string(), "--password-kib", "8"]);
    command.current_dir(folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the server's program starts");
    match wait_for_exit(&mut child, limit) {
        Ended::With(_) => Some(child.wait_with_output().expect("it ended")),
        Ended::StillRuns => {
            let _ = child.kill();
            let _ = child.wait();
            None
        }
    }
}

fn refused(url: &str, words: &[&str]) {
    let output = try_to_run(url, Duration::from_secs(15)).expect("it must not start");
    assert_one_clear_line(&output, words);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("s3cret"), "{output:?}");
}

#[test]
fn a_server_that_is_not_there() {
    let port = free_port();
    let url = format!("mysql://chat:s3cret@127.0.0.1:{port}/chat");
    refused(&url, &["cannot reach", &format!("127.0.0.1:{port}")]);
}

#[test]
fn something_else_that_listens_there_and_says_nothing() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    refused(&format!("mysql://chat:s3cret@127.0.0.1:{port}/chat"), &["cannot reach"]);
}

#[test]
fn a_wrong_password() {
    let port = MariaDb::shared().port();
    let url = format!("mysql://chat:s3cretx@127.0.0.1:{port}/chat");
    let output = try_to_run(&url, Duration::from_secs(15)).expect("it must not start");
    assert_one_clear_line(&output, &["denies access", "user chat", "GRANT ALL"]);
}

#[test]
fn a_database_that_is_not_there() {
    let maria = MariaDb::shared();
    let mut root = maria.root();
    root.query_drop("CREATE OR REPLACE USER 'powerful'@'%' IDENTIFIED BY 's3cret'").unwrap();
    root.query_drop("GRANT ALL ON *.* TO 'powerful'@'%'").unwrap();
    let url = format!("mysql://powerful:s3cret@127.0.0.1:{}/nowhere", maria.port());
    refused(&url, &["no database nowhere", "CREATE DATABASE"]);
}

#[test]
fn a_user_without_rights() {
    let maria = MariaDb::shared();
    let database = maria.database();
    let mut root = maria.root();
    root.query_drop("CREATE OR REPLACE USER 'stranger'@'%' IDENTIFIED BY 's3cret'").unwrap();
    let url = format!("mysql://stranger:s3cret@127.0.0.1:{}/{}", maria.port(), database.name());
    refused(&url, &["user stranger", "GRANT ALL"]);
    let grant = format!("GRANT SELECT ON {}.* TO 'stranger'@'%'", database.name());
    root.query_drop(grant).unwrap();
    refused(&url, &["user stranger", "GRANT ALL"]);
}

#[test]
fn urls_that_are_none_and_a_bus_without_a_database() {
    let port = free_port().to_string();
    let (mysql, redis) = ("mysql://chat:s3cret@127.0.0.1:3306/chat", "redis://127.0.0.1");
    for (flags, word) in [
        (&["--mysql", "mysql://chat:s3cret@127.0.0.1"][..], "must look like mysql://"),
        (&["--redis", redis], "say which with mysql"),
        (&["--mysql", mysql, "--redis", "http://:s3cret@127.0.0.1"], "must be redis://"),
    ] {
        let flags: Vec<_> = [&*port].into_iter().chain(flags.iter().copied()).collect();
        let output = crate::cli::run(&Launch::bare(), &flags);
        assert_one_clear_line(&output, &[word]);
        assert_eq!(output.status.code(), Some(2));
        assert!(!String::from_utf8_lossy(&output.stderr).contains("s3cret"));
    }
}

#[test]
fn a_server_that_does_not_flush_is_told_of_in_the_log() {
    let maria = MariaDb::start();
    let mut root = maria.root();
    root.query_drop("SET GLOBAL innodb_flush_log_at_trx_commit = 2").unwrap();
    let server = TestServer::start(super::launch(&maria.database()));
    assert!(server.log().contains("innodb_flush_log_at_trx_commit = 1"), "{}", server.log());
    server.assert_alive();
    drop(server);
    root.query_drop("SET GLOBAL binlog_format = STATEMENT").unwrap();
    refused(&maria.database().url(), &["binlog_format", "ROW"]);
}
