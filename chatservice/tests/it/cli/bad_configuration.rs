//! What cannot work is said in one clear line, and the status tells scripts.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::{configured, run};
use crate::durability::assert_one_clear_line;
use crate::support::{Launch, free_port};

#[test]
fn bad_flags_end_with_status_2_and_clear_words() {
    let port = free_port().to_string();
    let cases: &[(&[&str], &str)] = &[
        (&[], "PORT"),
        (&["--no-such-flag"], "--no-such-flag"),
        (&[&port, "--threads"], "--threads"),
        (&[&port, "--threads", "many"], "many"),
        (&[&port, "--threads", "-1"], "-1"),
        (&[&port, "--patience-ms", "soon"], "soon"),
        (&["seventy"], "seventy"),
        (&["70000"], "70000"),
        (&["not-an-address", &port], "not-an-address"),
        (&["127.0.0.1", &port, "surplus"], "surplus"),
    ];
    for (arguments, word) in cases {
        let output = run(&Launch::bare(), arguments);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(word), "no {word:?} in: {text}");
        assert!(!text.contains("panicked"), "{text}");
        assert!(output.stdout.is_empty(), "{output:?}");
    }
}

#[test]
fn bad_variables_are_named() {
    let port = free_port().to_string();
    let launch = Launch::bare().environment("CHAT_THREADS", "many");
    let output = run(&launch, &[&port]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && !text.contains("panicked"), "{text}");
    assert!(text.contains("many"), "{text}");
}

/// Starts a server with this configuration file, which must be refused.
fn refused_file(text: &str, words: &[&str]) {
    let (folder, path) = configured(text);
    let port = free_port().to_string();
    let data = folder.path().join("data").display().to_string();
    let output = run(&Launch::bare(), &[&port, "--data", &data, "--config", &path]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && !said.contains("panicked"), "{text:?}: {said}");
    for word in words.iter().chain(&["chat.toml"]) {
        assert!(said.contains(word), "{text:?}: no {word:?} in: {said}");
    }
}

#[test]
fn unknown_keys_and_wrong_values_in_the_file_are_named() {
    refused_file("thread = 4\n", &["thread"]);
    refused_file("threads = 2\nno_such_key = 1\n", &["no_such_key"]);
    refused_file("threads = \"many\"\n", &["threads"]);
    refused_file("threads = -1\n", &["threads"]);
    refused_file("threads = \n", &["1"]);
    refused_file("[server]\nthreads = 2\n", &["server"]);
}

#[test]
fn a_file_that_is_not_there_is_one_clear_line() {
    let port = free_port().to_string();
    let output = run(&Launch::bare(), &[&port, "--config", "/nowhere/chat.toml"]);
    assert_one_clear_line(&output, &["/nowhere/chat.toml"]);
}

#[test]
fn a_data_folder_that_cannot_be_used_is_one_clear_line() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "in the way").unwrap();
    let below = file.join("data");
    for data in [&file, &below] {
        let data = data.display().to_string();
        let port = free_port().to_string();
        let output = run(&Launch::new(), &[&port, "--data", &data]);
        assert_one_clear_line(&output, &[&data]);
    }
}

#[test]
fn a_folder_without_permission_is_one_clear_line() {
    if rustix::process::geteuid().is_root() {
        // Root may write everywhere; /proc takes folders from nobody.
        let port = free_port().to_string();
        let output = run(&Launch::new(), &[&port, "--data", "/proc/chat"]);
        assert_one_clear_line(&output, &["/proc/chat"]);
        return;
    }
    let folder = TempDir::new().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).unwrap();
    let data = folder.path().join("data").display().to_string();
    let port = free_port().to_string();
    let output = run(&Launch::new(), &[&port, "--data", &data]);
    assert_one_clear_line(&output, &[&data]);
}

#[test]
fn a_database_that_is_none_is_one_clear_line() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("chat.db"), "this is no database".repeat(100)).unwrap();
    let data = folder.path().display().to_string();
    let port = free_port().to_string();
    let output = run(&Launch::new(), &[&port, "--data", &data]);
    assert_one_clear_line(&output, &["chat.db"]);
}

#[test]
fn an_address_that_is_not_ours_is_one_clear_line() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data").display().to_string();
    let port = free_port().to_string();
    // 192.0.2.0/24 is for documentation; no machine has it.
    let output = run(&Launch::new(), &["192.0.2.1", &port, "--data", &data]);
    assert_one_clear_line(&output, &["192.0.2.1"]);
}
