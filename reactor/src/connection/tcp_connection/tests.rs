use super::*;
use crate::connection::deadlines::Tick;
use crate::driver::channel::Readiness;
use crate::server::population::Population;
use std::io::{Read, Write};
use std::net::{TcpListener as StdListener, TcpStream as StdStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

const KEY: Key = Key { slot: 0, generation: 0 };

/// A connection whose peer is the returned stream.
fn connected() -> (TcpConnection<()>, StdStream) {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let peer = StdStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, address) = listener.accept().unwrap();
    stream.set_nonblocking(true).unwrap();
    let counted = Arc::<Population>::default().add(0);
    let (stream, peer_address) = (Stream::System(stream.into()), address.into());
    let arrival = Arrival { stream, peer: peer_address, counted };
    let deadlines = Deadlines::new(&Default::default(), Tick(0));
    (TcpConnection::new(KEY, arrival, deadlines, ()), peer)
}

/// Reads until `done` holds of the outcome; the loopback takes a moment.
fn read_until(
    connection: &mut TcpConnection<()>,
    scratch: &mut Buffer,
    done: impl Fn(&ReadOutcome) -> bool,
) {
    let start = Instant::now();
    while !done(&connection.read_into(scratch, &mut Buffer::new(), &mut ChunkPool::default())) {
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn an_idle_connection_is_small_and_holds_no_buffers() {
    let (mut connection, mut peer) = connected();
    let (mut scratch, mut pool) = (Buffer::new(), ChunkPool::default());
    peer.write_all(b"ping").unwrap();
    read_until(&mut connection, &mut scratch, |outcome| matches!(outcome, ReadOutcome::Bytes(4)));
    connection.output.append(scratch.peek(), &mut pool);
    assert!(connection.flush(&mut pool).result.is_ok());
    assert_eq!(connection.input.capacity(), 0);
    assert!(connection.output.is_empty());
    assert!(size_of::<TcpConnection<()>>() <= 384, "{}", size_of::<TcpConnection<()>>());
}

#[test]
fn reads_tell_bytes_then_nothing_then_the_end() {
    let (mut connection, mut peer) = connected();
    let mut scratch = Buffer::new();
    let (mut records, mut pool) = (Buffer::new(), ChunkPool::default());
    let first = connection.read_into(&mut scratch, &mut records, &mut pool);
    assert!(matches!(first, ReadOutcome::Drained));
    peer.write_all(b"abc").unwrap();
    read_until(&mut connection, &mut scratch, |outcome| matches!(outcome, ReadOutcome::Bytes(3)));
    assert_eq!(scratch.peek(), b"abc");
    drop(peer);
    read_until(&mut connection, &mut scratch, |outcome| {
        matches!(outcome, ReadOutcome::EndOfStream)
    });
    assert!(scratch.is_empty());
}

#[test]
fn a_flush_stops_when_the_kernel_is_full_and_goes_on_after_an_event() {
    let (mut connection, mut peer) = connected();
    let mut pool = ChunkPool::default();
    let large = bytes::Bytes::from((0..20_000_000u32).map(|n| n as u8).collect::<Vec<u8>>());
    for piece in 0..40 {
        connection.output.append(b"|", &mut pool);
        let piece = large.slice(piece * 500_000..(piece + 1) * 500_000);
        connection.output.append_shared(piece, &mut pool);
    }
    let first = connection.flush(&mut pool);
    assert!(first.result.is_ok() && first.bytes > 0);
    assert!(!connection.output.is_empty() && !connection.channel.is_writable());
    assert_eq!(connection.flush(&mut pool).writes, 0, "no call without an event");

    let reader = std::thread::spawn(move || {
        let mut received = Vec::new();
        peer.read_to_end(&mut received).unwrap();
        received
    });
    let start = Instant::now();
    while !connection.output.is_empty() {
        assert!(start.elapsed() < Duration::from_secs(10));
        connection.channel.handle_event(Readiness { writable: true, ..Readiness::default() });
        assert!(connection.flush(&mut pool).result.is_ok());
    }
    drop(connection);
    let received = reader.join().unwrap();
    assert_eq!(received.len(), large.len() + 40);
    let content: Vec<u8> =
        received.chunks(500_001).flat_map(|piece| &piece[1..]).copied().collect();
    assert!(content == large);
}
