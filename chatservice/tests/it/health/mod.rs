//! The health port, as probers use it.

mod http;
mod store;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use serde_json::Value;

use crate::support::{DEADLINE, Launch, TestServer, free_port};

/// A server, and where it tells of its health.
fn start(launch: Launch) -> (TestServer, SocketAddr) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    (TestServer::start(launch.flag("--health", address.port())), address)
}

/// What the server sends back on a connection of its own, until it closes it.
fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).expect("the port is open");
    stream.set_read_timeout(Some(DEADLINE)).expect("the time is not zero");
    stream.write_all(request).expect("it takes a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer, then the end");
    answer
}

/// Status and body of the answer to a GET; fails unless the answer is whole.
fn get(address: SocketAddr, path: &str) -> (u16, Value) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: probe\r\n\r\n");
    parse(&exchange(address, request.as_bytes()))
}

fn parse(answer: &str) -> (u16, Value) {
    let (head, body) = answer.split_once("\r\n\r\n").expect(answer);
    let length = format!("Content-Length: {}", body.len());
    assert!(head.lines().any(|field| field == length), "no {length:?} in {head}");
    let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    (status.expect(head), serde_json::from_str(body).expect(body))
}
