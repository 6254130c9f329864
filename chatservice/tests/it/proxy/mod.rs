//! Clients behind a proxy: the address that it announces is the one that limits count.

mod announced;
mod headers;
mod real;

use std::net::IpAddr;

use crate::support::{Client, Launch, TestServer};

/// A server that believes proxies on loopback.
fn behind_proxy() -> Launch {
    Launch::new().flag("--proxy-from", "127.0.0.0/8")
}

/// The header of version 1 for a client at `address`.
fn line(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => format!("PROXY TCP4 {address} 192.0.2.1 40000 6000\r\n"),
        IpAddr::V6(address) => format!("PROXY TCP6 {address} 2001:db8::1 40000 6000\r\n"),
    }
    .into_bytes()
}

/// The header of version 2 for a client at `address`.
fn binary(address: IpAddr) -> Vec<u8> {
    let ports = [0x9c, 0x40, 0x17, 0x70];
    match address {
        IpAddr::V4(address) => {
            let destination = [192, 0, 2, 1];
            raw(0x21, 0x11, &[&address.octets()[..], &destination, &ports].concat())
        }
        IpAddr::V6(address) => {
            raw(0x21, 0x21, &[&address.octets()[..], &[0xfd; 16], &ports].concat())
        }
    }
}

/// A header of version 2 with any content.
fn raw(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n".as_slice(), &[command, family], &length, body].concat()
}

/// What HAProxy sends in front of its checks.
fn local() -> Vec<u8> {
    raw(0x20, 0x00, &[])
}

/// A connection that begins with `header`.
fn announced(server: &TestServer, header: &[u8]) -> Client {
    let mut client = server.connect();
    client.send_bytes(header);
    client
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Whether the server answers a ping on this connection; false when it closed it.
fn is_served(client: &mut Client) -> bool {
    client.try_send_bytes(b"{\"msgid\":1006,\"friendid\":1}").is_ok()
        && match client.receive(crate::support::DEADLINE) {
            crate::support::Incoming::Object(object) => object["errno"] == 101,
            crate::support::Incoming::Closed => false,
            crate::support::Incoming::Nothing => client.fail("neither served nor closed"),
        }
}
