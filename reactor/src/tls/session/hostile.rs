//! Peers that do what rustls does not.

use super::tests::{CLIENT, Pair, SERVER};
use super::*;
use crate::tls::localhost;
use std::sync::Arc;

/// A server whose messages are many records, the tickets that follow the handshake too.
fn in_small_records() -> Pair {
    let (server, client) = localhost::configs();
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
