//! Peers that do what rustls does not.

use super::tests::{CLIENT, Pair, SERVER};
use super::*;
use crate::tls::localhost::Configs;
use std::sync::Arc;

/// The head of a handshake message of 65,535 bytes, a client's first.
const LARGEST_HELLO: [u8; 4] = [1, 0, 255, 255];

fn server() -> (TlsSession, ChunkPool) {
    let mut pool = ChunkPool::default();
    let tls = Tls::Server(Configs::new().server);
    (TlsSession::new(&tls, &mut pool).unwrap(), pool)
}

/// As a read of `bytes` does.
fn open(session: &mut TlsSession, pool: &mut ChunkPool, bytes: &[u8]) -> io::Result<()> {
    let mut records = Buffer::new();
    session.take_partial(&mut records);
    records.append(bytes);
    session.open(&mut records, &mut Buffer::new(), pool)
}

/// A server whose messages are many records, the tickets that follow the handshake too.
fn in_small_records() -> Pair {
    let Configs { server, client } = Configs::new();
    let mut server = Arc::unwrap_or_clone(server);
    server.max_fragment_size = Some(32);
    let mut pair = Pair::of(Arc::new(server), client);
    pair.carry(CLIENT, usize::MAX, |_| {}).unwrap();
    pair.carry(SERVER, usize::MAX, |_| {}).unwrap();
    pair.carry(CLIENT, usize::MAX, |_| {}).unwrap();
    assert!(pair.ends.iter().all(|end| !end.session.is_handshaking()));
    pair
}

#[test]
fn an_error_in_the_middle_of_a_message_ends_sealing_too() {
    let mut pair = in_small_records();
    pair.send(CLIENT, b"it waits");
    // The tag of the last piece of a ticket.
    let spoil = |bytes: &mut [u8]| *bytes.last_mut().unwrap() ^= 1;
    let error = pair.carry(SERVER, usize::MAX, spoil);
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::InvalidData);
    let Pair { pool, ends: [client, _] } = &mut pair;
    let alert = client.session.sealed.len();
    assert!(alert > 0);
    client.session.seal(&client.output, pool).unwrap_err();
    client.session.queue_end(pool).unwrap_err();
    assert_eq!(client.session.sealed.len(), alert, "nothing follows the alert");
}

#[test]
fn what_is_sealed_in_the_middle_of_a_message_does_no_harm() {
    let mut pair = in_small_records();
    let mut carried = 1;
    while carried > 0 {
        pair.send(CLIENT, b"a");
        pair.carry(CLIENT, usize::MAX, |_| {}).unwrap();
        carried = pair.carry(SERVER, 7, |_| {}).unwrap();
    }
    assert!(pair.ends[SERVER].received.len() > 20);
    assert_eq!(pair.ends[CLIENT].session.partial.capacity(), 0);
}

#[test]
fn a_message_in_a_thousand_pieces_is_kept_within_bounds() {
    let (mut session, mut pool) = server();
    let record = |bytes: &[u8]| [&[22, 3, 1, 0, bytes.len() as u8], bytes].concat();
    let mut result = open(&mut session, &mut pool, &record(&LARGEST_HELLO));
    for _ in 0..60 {
        if result.is_err() {
            break;
        }
        result = open(&mut session, &mut pool, &record(&[0]).repeat(1000));
        assert!(session.partial.len() < 200_000);
    }
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::InvalidData);
}

/// A debug build of rustls panics, for it expects to have sent its last alert.
#[test]
fn nonsense_behind_our_end_is_an_error() {
    let Configs { server, client } = Configs::new();
    let mut pair = Pair::of(server, client).shake();
    pair.ends[SERVER].session.queue_end(&mut pair.pool).unwrap();
    pair.send(CLIENT, b"spoiled");
    let error = pair.carry(CLIENT, usize::MAX, |bytes| bytes[10] ^= 1);
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::InvalidData);
}
