use std::io::{Read, Write};
use std::time::Instant;

use testbed::wait_until;

use super::*;

const SOON: Duration = Duration::from_millis(100);
const LIMIT: Duration = Duration::from_secs(5);

/// A proxy, a connection through it, and the server's end of that.
fn connected() -> (FaultProxy, TcpListener, TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = FaultProxy::start(listener.local_addr().unwrap()).unwrap();
    let client = TcpStream::connect(proxy.address()).unwrap();
    let (server, _) = listener.accept().unwrap();
    wait_until("the connection is known", LIMIT, || proxy.connections() == 1);
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(LIMIT)).unwrap();
    }
    (proxy, listener, client, server)
}

fn passes(from: &mut TcpStream, to: &mut TcpStream) -> bool {
    from.write_all(b"x").unwrap();
    arrives(to, LIMIT)
}

fn arrives(to: &mut TcpStream, within: Duration) -> bool {
    to.set_read_timeout(Some(within)).unwrap();
    let mut byte = [0];
    to.read_exact(&mut byte).is_ok_and(|()| byte == *b"x")
}

fn is_over(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    match stream.read(&mut [0]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

#[test]
fn it_passes_both_ways_and_hands_on_the_end() {
    let (_proxy, _listener, mut client, mut server) = connected();
    assert!(passes(&mut client, &mut server));
    assert!(passes(&mut server, &mut client));
    client.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(is_over(&mut server));
    assert!(passes(&mut server, &mut client), "the other direction stays open");
    drop(server);
    assert!(is_over(&mut client));
}

#[test]
fn one_way_silence_holds_one_direction_back_until_it_is_over() {
    let (proxy, _listener, mut client, mut server) = connected();
    proxy.set(Mode::SilentToServer);
    client.write_all(b"x").unwrap();
    assert!(!arrives(&mut server, SOON));
    assert!(passes(&mut server, &mut client));
    proxy.set(Mode::Pass);
    assert!(arrives(&mut server, LIMIT), "held back, not lost");
    proxy.set(Mode::SilentToClient);
    server.write_all(b"x").unwrap();
    assert!(!arrives(&mut client, SOON));
    assert!(passes(&mut client, &mut server));
    proxy.set(Mode::Pass);
    assert!(arrives(&mut client, LIMIT));
}

#[test]
fn delayed_bytes_come_later() {
    let (proxy, _listener, mut client, mut server) = connected();
    proxy.set(Mode::Delay(SOON));
    let since = Instant::now();
    assert!(passes(&mut client, &mut server));
    assert!(since.elapsed() >= SOON);
}

#[test]
fn a_cut_ends_both_ends_and_new_connections_pass() {
    let (proxy, listener, mut client, mut server) = connected();
    proxy.cut();
    assert!(is_over(&mut client));
    assert!(is_over(&mut server));
    let mut client = TcpStream::connect(proxy.address()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    assert!(passes(&mut client, &mut server));
}

#[test]
fn refusing_ends_connections_and_takes_none() {
    let (proxy, listener, mut client, _server) = connected();
    proxy.set(Mode::Refuse);
    assert!(is_over(&mut client));
    wait_until("it refuses", LIMIT, || TcpStream::connect(proxy.address()).is_err());
    proxy.set(Mode::Pass);
    wait_until("it takes again", LIMIT, || TcpStream::connect(proxy.address()).is_ok());
    let (mut server, _) = listener.accept().unwrap();
    assert!(is_over(&mut server), "the client has left");
}

#[test]
fn of_a_client_that_vanished_the_server_hears_nothing() {
    let (proxy, listener, mut client, mut server) = connected();
    proxy.vanish();
    client.write_all(b"x").unwrap();
    drop(client);
    server.set_read_timeout(Some(SOON)).unwrap();
    let error = server.read(&mut [0]).expect_err("neither bytes nor an end");
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    let mut next = TcpStream::connect(proxy.address()).unwrap();
    let (mut other, _) = listener.accept().unwrap();
    assert!(passes(&mut next, &mut other));
}
