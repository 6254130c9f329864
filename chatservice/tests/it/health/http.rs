//! The port itself: what it answers, and that nobody can occupy it.

use std::io::Read;
use std::net::TcpStream;
use std::time::Instant;

use serde_json::json;

use super::{exchange, get, parse, start};
use crate::support::{DEADLINE, Launch, TestServer, free_port};

#[test]
fn a_healthy_server_is_alive_and_ready() {
    let (server, health) = start(Launch::new().flag("--threads", 5));
    for _ in 0..20 {
        assert_eq!(get(health, "/alive"), (200, json!({"status": "ok"})));
        assert_eq!(get(health, "/ready?from=probe"), (200, json!({"status": "ok"})));
    }
    server.assert_alive();
}

#[test]
fn other_questions_are_refused() {
    let (_server, health) = start(Launch::new());
    assert_eq!(get(health, "/").0, 404);
    assert_eq!(get(health, "/alive/x").0, 404);
    for method in ["POST", "HEAD", "DELETE"] {
        let request = format!("{method} /alive HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
        let answer = exchange(health, request.as_bytes());
        assert_eq!(parse(&answer).0, 405, "{answer}");
        assert!(answer.contains("\r\nAllow: GET\r\n"), "{answer}");
    }
    assert_eq!(parse(&exchange(health, b"{\"msgid\":1012}\n")).0, 400);
    let long = format!("GET /alive HTTP/1.1\r\nA: {}", "x".repeat(20_000));
    assert_eq!(parse(&exchange(health, long.as_bytes())).0, 431);
    assert_eq!(get(health, "/alive").0, 200);
}

#[test]
fn silent_probers_are_cut_and_more_than_32_are_not_let_in() {
    let (server, health) = start(Launch::new());
    let before = server.descriptors();
    let since = Instant::now();
    let held: Vec<TcpStream> = (0..32).map(|_| TcpStream::connect(health).unwrap()).collect();
    let read = |mut stream: &TcpStream| {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.read(&mut [0; 16]).unwrap_or(0)
    };
    let surplus = TcpStream::connect(health).unwrap();
    assert_eq!(read(&surplus), 0);
    assert!(since.elapsed().as_secs() < 4, "closed only after {:?}", since.elapsed());
    for stream in &held {
        assert_eq!(read(stream), 0);
    }
    let took = since.elapsed().as_millis();
    assert!((4_900..9_000).contains(&took), "cut after {took} ms");
    server.wait_for_descriptors(before);
    assert_eq!(get(health, "/alive").0, 200);
}

#[test]
fn the_environment_and_the_file_open_the_port_too() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("chat.toml");
    let ports = [free_port(), free_port()];
    std::fs::write(&path, format!("health = \"127.0.0.1:{}\"\n", ports[1])).unwrap();
    let environment = Launch::new().environment("CHAT_HEALTH", ports[0]);
    let file = Launch::new().flag("--config", path.display());
    for (launch, port) in [(environment, ports[0]), (file, ports[1])] {
        let _server = TestServer::start(launch);
        assert_eq!(get(([127, 0, 0, 1], port).into(), "/alive").0, 200);
    }
}

#[test]
fn a_port_that_is_taken_ends_the_start() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", free_port())).unwrap();
    let taken = taken.local_addr().unwrap().port().to_string();
    let folder = tempfile::TempDir::new().unwrap();
    let data = folder.path().display().to_string();
    let port = free_port().to_string();
    let arguments = ["127.0.0.1", &port, "--data", &data, "--health", &taken];
    let output = crate::cli::run(&Launch::new(), &arguments);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(&format!("cannot listen on 127.0.0.1:{taken}")), "{text}");
}
