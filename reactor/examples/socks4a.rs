//! A SOCKS4a proxy for IPv4 addresses: `cargo run -p reactor --example socks4a -- PORT`.
//!
//! The client's connection and the one to its target are of one service, and are linked once both
//! are there: bytes then pass through the loop's memory, and a slow side holds the fast one back.
//! A name, which SOCKS4a allows, is refused: resolving it blocks.

use reactor::{
    Buffer, ConnectFailure, Connection, ConnectionId, Connections, EventLoop, Result, Service,
    TcpServer,
};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

const VERSION: u8 = 4;
const CONNECT: u8 = 1;
const GRANTED: [u8; 8] = [0, 90, 0, 0, 0, 0, 0, 0];
const REJECTED: [u8; 8] = [0, 91, 0, 0, 0, 0, 0, 0];
/// A user's name may be so long.
const REQUEST_BYTES_MAX: usize = 512;
const PATIENCE: Duration = Duration::from_secs(10);

/// What a connection is to the proxy.
#[derive(Default, PartialEq)]
pub(crate) enum Role {
    #[default]
    Asking,
    Waiting(ConnectionId),
    Target(ConnectionId),
}

pub(crate) struct Socks;

/// Where the client wants to go; `None` if the request is not complete.
fn target_in(request: &[u8]) -> Option<std::result::Result<SocketAddr, ()>> {
    let &[version, command, port_high, port_low, a, b, c, d, ref user @ ..] = request else {
        return None;
    };
    user.contains(&0).then_some(())?;
    let is_name = (a, b, c) == (0, 0, 0);
    let is_sound = version == VERSION && command == CONNECT && !is_name;
    let address = ([a, b, c, d], u16::from_be_bytes([port_high, port_low])).into();
    Some(is_sound.then_some(address).ok_or(()))
}

impl Service for Socks {
    type State = Role;
    type Post = ();

    fn on_message(&mut self, connection: &mut Connection<'_, Role>, input: &mut Buffer) {
        match target_in(input.peek()) {
            None if input.len() < REQUEST_BYTES_MAX => {}
            None | Some(Err(())) => {
                connection.send(&REJECTED);
                connection.close_after_flush();
            }
            Some(Ok(target)) => {
                let end = input.peek()[8..].iter().position(|&byte| byte == 0).unwrap_or(0);
                input.retrieve(8 + end + 1);
                connection.stop_reading();
                let client = Role::Target(connection.id());
                let id = connection.connections().connect(target, PATIENCE, client);
                *connection.state_mut() = Role::Waiting(id);
            }
        }
    }

    fn on_connected(&mut self, connection: &mut Connection<'_, Role>) {
        let Role::Target(client) = *connection.state() else { return };
        let id = connection.id();
        let mut connections = connection.connections();
        if let Some(mut client) = connections.get(client) {
            client.send(&GRANTED);
        }
        if !connections.link(client, id) {
            // The client has gone.
            connection.force_close();
        }
    }

    fn on_connect_failed(
        &mut self,
        connections: &mut Connections<'_, Role>,
        failure: &ConnectFailure,
    ) {
        let Some(failed) = failure.connection else { return };
        connections.for_each(|connection| {
            if *connection.state() == Role::Waiting(failed) {
                connection.send(&REJECTED);
                connection.close_after_flush();
            }
        });
    }
}

fn main() -> Result<()> {
    let port = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1080);
    let mut event_loop = EventLoop::new()?;
    let server = TcpServer::builder(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .start(&mut event_loop, |_seat| Socks)?;
    eprintln!("socks4a on {}", server.local_addr());
    event_loop.run()
}
