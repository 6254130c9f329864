//! A data folder and a port belong to one server.

use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use crate::cli::run;
use crate::support::{Launch, TestServer, free_port};

/// Starts a server that must not start, next to one that runs.
fn refused(port: u16, data: &Path) -> Output {
    let (port, data) = (port.to_string(), data.display().to_string());
    let since = Instant::now();
    let output = run(&Launch::new(), &["127.0.0.1", &port, "--data", &data]);
    assert!(since.elapsed() < Duration::from_secs(8), "took {:?}", since.elapsed());
    output
}

/// Fails unless the process said in one clear line what is wrong, and ended with an error.
pub(crate) fn assert_one_clear_line(output: &Output, words: &[&str]) {
    assert!(!output.status.success(), "{output:?}");
    assert!(output.status.code().is_some(), "killed by a signal: {output:?}");
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    assert_eq!(lines.len(), 1, "not one line: {text}");
    assert!(!text.contains("panicked") && !text.contains(".rs:"), "{text}");
    for word in words {
        assert!(text.to_lowercase().contains(&word.to_lowercase()), "no {word:?} in: {text}");
    }
}

#[test]
fn a_second_server_on_the_same_data_folder_is_refused() {
    let server = TestServer::start(Launch::new());
    let data = server.data();
    let output = refused(free_port(), &data);
    assert_one_clear_line(&output, &[data.to_str().expect("a readable path")]);
    server.assert_alive();
}

#[test]
fn a_second_server_on_the_same_port_is_refused() {
    let server = TestServer::start(Launch::new());
    let folder = tempfile::TempDir::new().unwrap();
    let output = refused(server.port(), &folder.path().join("data"));
    assert_one_clear_line(&output, &[&server.port().to_string()]);
    server.assert_alive();
}

#[test]
fn the_folder_is_free_as_soon_as_its_server_was_killed() {
    let mut server = TestServer::start(Launch::new());
    let account = server.account();
    for _ in 0..5 {
        server.kill9();
        server.restart();
        server.original(&account);
    }
}
