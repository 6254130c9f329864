//! The HTTP server, asked in pieces and in heaps, and badly.

#[path = "../../../examples/http_server/main.rs"]
mod example;

use crate::support::{PATIENCE, Running, read_exactly, read_to_end, serve};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

struct Answer {
    status: String,
    head: String,
    body: String,
}

fn start() -> Running<()> {
    serve(|builder| builder, |_seat| example::HttpServer)
}

/// The next answer; one to HEAD has no body.
fn read_answer(stream: &mut impl BufRead, method: &str) -> Answer {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(stream.read_line(&mut head).expect("an answer in time") > 0, "an end in {head:?}");
    }
    let (_, length) = head.split_once("Content-Length: ").unwrap();
    let length = length.split("\r\n").next().unwrap().parse().unwrap();
    let mut body = vec![0; if method == "HEAD" { 0 } else { length }];
    stream.read_exact(&mut body).unwrap();
    let status = head.strip_prefix("HTTP/1.1 ").unwrap()[..3].to_owned();
    Answer { status, head, body: String::from_utf8(body).unwrap() }
}

/// The statuses of all answers to `requests`, until the server ends.
fn statuses(running: &Running<()>, requests: &[u8], piece: usize) -> Vec<String> {
    let mut stream = running.connect();
    for piece in requests.chunks(piece) {
        stream.write_all(piece).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    let mut stream = BufReader::new(stream);
    let mut statuses = Vec::new();
    while !stream.fill_buf().unwrap().is_empty() {
        statuses.push(read_answer(&mut stream, "GET").status);
    }
    statuses
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let running = start();
    let stream = running.connect();
    let asked = [
        ("GET", "/hello?to=world", "200", "hello, world!\n"),
        ("HEAD", "/hello", "200", ""),
        ("GET", "/", "200", "Try /hello and /time.\n"),
        ("GET", "/nowhere", "404", "There is no such page.\n"),
        ("HEAD", "/nowhere", "404", ""),
        ("DELETE", "/hello", "405", "Only GET and HEAD.\n"),
        ("GET", "/hello", "200", "hello, world!\n"),
    ];
    let requests: String = asked
        .iter()
        .map(|(method, path, ..)| format!("{method} {path} HTTP/1.1\r\nhost: x\r\nempty:\r\n\r\n"))
        .collect();
    (&stream).write_all(requests.as_bytes()).unwrap();
    let mut stream = BufReader::new(stream);
    for (method, path, status, body) in asked {
        let answer = read_answer(&mut stream, method);
        assert_eq!((&*answer.status, &*answer.body), (status, body), "{method} {path}");
        assert!(answer.head.contains("\r\nConnection: keep-alive\r\n"), "{}", answer.head);
        assert_eq!(answer.head.contains("\r\nAllow: GET, HEAD\r\n"), status == "405");
    }
}

#[test]
fn the_time_is_told_and_dated() {
    let running = start();
    let stream = running.connect();
    (&stream).write_all(b"GET /time HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let answer = read_answer(&mut BufReader::new(stream), "GET");
    let time: jiff::Timestamp = answer.body.trim_end().parse().unwrap();
    let (_, date) = answer.head.split_once("Date: ").unwrap();
    let date = date.split("\r\n").next().unwrap();
    let date = jiff::fmt::rfc2822::parse(date).unwrap().timestamp();
    assert!(time.duration_since(date).abs().as_secs() < 20, "{date}, {time}");
}

#[test]
fn a_connection_is_kept_by_the_rules_of_its_version() {
    let running = start();
    let next = "GET / HTTP/1.0\r\n\r\n";
    for (version, field, stays) in [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "connection: TE , Close\r\n", false),
        ("1.1", "Connection: x\r\nConnection: close\r\n", false),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
    ] {
        let request = format!("GET /hello HTTP/{version}\r\nHost: x\r\n{field}\r\n{next}");
        let stream = running.connect();
        (&stream).write_all(request.as_bytes()).unwrap();
        // The client does not end: the server does.
        let mut stream = BufReader::new(stream);
        let answer = read_answer(&mut stream, "GET");
        let option = if stays { "keep-alive" } else { "close" };
        assert!(answer.head.contains(&format!("\r\nConnection: {option}\r\n")), "{request}");
        if stays {
            assert_eq!(read_answer(&mut stream, "GET").status, "200", "{request}");
        }
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "{request}");
    }
}

#[test]
fn bodies_are_skipped_in_whatever_pieces_they_come() {
    let running = start();
    let inner = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
    let with_body = |method, body: &str| {
        format!("{method} / HTTP/1.1\r\nHost: x\r\nContent-Length:  {} \r\n\r\n{body}", body.len())
    };
    let longest = "b".repeat(1024 * 1024);
    let requests =
        [with_body("POST", inner), with_body("GET", ""), with_body("GET", inner)].concat();
    for piece in [1, 7, requests.len()] {
        let all = [requests.as_bytes(), b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"].concat();
        assert_eq!(statuses(&running, &all, piece), ["405", "200", "200", "404"], "{piece}");
    }
    let all = [with_body("POST", &longest), requests].concat();
    assert_eq!(statuses(&running, all.as_bytes(), 10_000), ["405", "405", "200", "200"]);
}

#[test]
fn what_is_no_good_request_is_refused_and_ends_the_connection() {
    let running = start();
    let get = |fields: &str| format!("GET / HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
    for (request, status) in [
        ("nonsense\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/2.0\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "400"),
        (get("Host: y\r\n"), "400"),
        (get("no colon\r\n"), "400"),
        (get("Content-Length: +1\r\n"), "400"),
        (get("Content-Length:\r\n"), "400"),
        (get("Content-Length: 1\r\nContent-Length: 1\r\n"), "400"),
        (get("Content-Length: 1048577\r\n"), "413"),
        (get("Content-Length: 99999999999999999999999\r\n"), "413"),
        (get("Transfer-Encoding: chunked\r\n"), "501"),
        (get(&"A: b\r\n".repeat(64)), "431"),
        (get(&format!("A: {}\r\n", "b".repeat(8192))), "431"),
        (format!("GET /{}", "x".repeat(8192)), "431"),
    ] {
        let stream = running.connect();
        let all = [get(""), request.clone(), get("")].concat();
        (&stream).write_all(all.as_bytes()).unwrap();
        let mut stream = BufReader::new(stream);
        assert_eq!(read_answer(&mut stream, "GET").status, "200", "{request}");
        let answer = read_answer(&mut stream, "GET");
        assert_eq!(answer.status, status, "{request}");
        assert!(answer.head.contains("\r\nConnection: close\r\n"), "{request}");
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "{request}");
    }
}

#[test]
fn a_head_may_come_byte_by_byte_and_an_unfinished_one_is_not_answered() {
    let running = start();
    let head = b"\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_eq!(statuses(&running, head, 1), ["200"]);
    assert_eq!(statuses(&running, &head[..head.len() - 1], 1), [""; 0]);
}

#[test]
fn who_asks_without_reading_must_wait_and_loses_nothing() {
    let running = start();
    let request = b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut stream = running.connect();
    stream.write_all(request).unwrap();
    let answer = read_answer(&mut BufReader::new(&stream), "GET");
    let answer_bytes = answer.head.len() + answer.body.len();

    // Held up for so long, the client takes it that the server reads no more. If the server did
    // read on, its output would pass the cap, and a write would fail with the end of the connection.
    stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    let requests = request.repeat(100);
    let held_up = || running.service_loop().stats().bytes_queued >= 1 << 20;
    let (mut written, begin) = (0, Instant::now());
    loop {
        assert!(begin.elapsed() < PATIENCE, "not held up after {written} bytes");
        match stream.write(&requests[written % request.len()..]) {
            Ok(count) => written += count,
            Err(error) if error.kind() != ErrorKind::WouldBlock => panic!("{written}: {error}"),
            Err(_) if held_up() => break,
            Err(_) => {} // the server has not come to it yet
        }
    }
    for _ in 0..written / request.len() {
        assert!(read_exactly(&stream, answer_bytes).ends_with(b"hello, world!\n"));
    }
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&request[written % request.len()..]).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&stream).len(), answer_bytes);
}
