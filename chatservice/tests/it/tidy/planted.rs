//! The rules find what they are meant to find: small planted violations.

use super::rules;
use super::source::Source;

/// Which rules complain about `text` at `path`.
fn broken(path: &str, text: &str) -> Vec<&'static str> {
    let source = Source::new(path, text);
    let broken = rules::ALL.iter().filter(|rule| !rule.complaints(&source).is_empty());
    broken.map(|rule| rule.name).collect()
}

#[track_caller]
fn check(path: &str, text: &str, expected: &[&str]) {
    assert_eq!(broken(path, text), expected, "{path}: {text}");
}

const CHAT: &str = "chatservice/src/chat/session.rs";
const PURE: &[&str] = &["pure modules"];

#[test]
fn pure_modules_reach_nothing_outside() {
    check(CHAT, "fn f() { let now = Instant::now(); }", PURE);
    check(CHAT, "use std::net::TcpStream;", PURE);
    check("chatproto/src/framing.rs", "fn f() { println!(\"x\"); }", PURE);
    check("chatservice/src/message.rs", "use parking_lot::Mutex;", PURE);
    check("reactor/src/event_loop/timer_queue.rs", "let t = std::time::Instant::now();", PURE);
    check("reactor/src/buffer/tests.rs", "use std::fs;", &[]);
    check("reactor/src/driver/socket.rs", "use std::net::SocketAddr;", &[]);
    check("chatservice/src/server/clock.rs", "let now = Instant::now();", &[]);
}

#[test]
fn comments_texts_and_tests_are_no_code() {
    check(CHAT, "// Instant::now is the caller's.\n/// std::net\n/* std::fs */", &[]);
    check(CHAT, "let text = \"std::fs \\\" std::net\"; let raw = r#\"\"std::net\"#;", &[]);
    check(CHAT, "#[cfg(test)]\nmod tests {\n    use std::fs;\n    fn f() { { } }\n}\n", &[]);
    check(CHAT, "#[cfg(test)]\nmod tests;\nuse std::fs;", PURE);
    check(CHAT, "#[cfg(test)]\nmod tests { fn f() {} }\nuse std::fs;", PURE);
    check(CHAT, "let quote = '\"'; use std::fs; let other = '\"';", PURE);
    check(CHAT, "fn f<'a>(x: &'a str) { std::thread::yield_now(); }", PURE);
    check(CHAT, "let escaped = '\\''; std::process::exit(1);", PURE);
}

#[test]
fn a_complaint_tells_where_and_what_to_do() {
    let source = Source::new(CHAT, "\n\n// quiet\nuse std::fs;\n");
    let complaints: Vec<String> =
        rules::ALL.iter().flat_map(|rule| rule.complaints(&source)).collect();
    assert_eq!(complaints.len(), 1);
    assert!(complaints[0].starts_with("chatservice/src/chat/session.rs:4: names std::fs"));
    assert!(complaints[0].contains("take the value as an argument"));
}

#[test]
fn names_are_whole_names() {
    check(CHAT, "let mio_like = premio;", &[]);
    check(CHAT, "use mio;", PURE);
    check(CHAT, "use my_reactor_like;", &[]);
}

#[test]
fn layers_know_only_what_lies_below() {
    check(CHAT, "use crate::server::Seat;", &["chat rules know no server"]);
    check(CHAT, "use crate::storage::Row;", &[]);
    check(CHAT, "use crate::storage::workers::Workers;", &["chat rules know no server"]);
    check(CHAT, "use reactor::Service;", &["chat rules know no server", "one user of the reactor"]);
    check("chatservice/src/main.rs", "use reactor::EventLoop;", &["one user of the reactor"]);
    check("chatservice/src/server/mod.rs", "use reactor::EventLoop;", &[]);
    check("reactor/src/lib.rs", "//! As chatservice does.", &["the reactor knows no chat"]);
    check("reactor/src/driver/channel.rs", "use mio::{Poll, Waker};", &["one user of the poller"]);
    check(
        "reactor/src/driver/channel.rs",
        "fn f(poll: &mio::Poll) {}",
        &["one user of the poller"],
    );
    check("reactor/src/driver/poller.rs", "use mio::{Poll, Waker};", &[]);
    let alone = ["the fault suite knows the contract alone"];
    check("faults/src/client/login.rs", "use chatproto::Framer;", &alone);
    check("faults/src/losing_store.rs", "use chatservice::storage::Store;", &[]);
}

#[test]
fn files_are_short_and_finished() {
    let path = "chatclient/src/main.rs";
    check(path, &"\n".repeat(500), &[]);
    check(path, &"\n".repeat(501), &["short files"]);
    for word in ["todo!()", "unimplemented!()", "// FIXME later", "// TODO", "#[ignore]"] {
        check(path, word, &["nothing left for later"]);
    }
    check(path, "let todo = 1;", &[]);
    check(path, "unsafe { f() }", &["no unsafe code"]);
    check(path, "#![forbid(unsafe_code)]", &[]);
}

#[test]
fn sql_is_one_constant_text() {
    let path = "chatservice/src/storage/sqlite.rs";
    let rule = &["SQL is never built"];
    check(path, "let q = format!(\"SELECT * FROM User WHERE id = {id}\");", rule);
    check(path, "q.push_str(\"INSERT INTO Friend\");", rule);
    check(path, "write!(q, \"DELETE FROM Friend\").ok();", rule);
    check(path, "let q = format!(\"{base} WHERE id IN ({ids}) FROM x\");", rule);
    check(path, "const Q: &str = \"SELECT name FROM User WHERE id = ?1\";", &[]);
    check(path, "format!(\"{n} rows\"); prepare(\"SELECT name FROM User\");", &[]);
}
