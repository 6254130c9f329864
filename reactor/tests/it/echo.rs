//! Bytes come back whole, in order, however they are cut.

use crate::support::{echo, read_exactly, read_to_end, record, serve};
use reactor::{Buffer, Connection, Service};
use std::io::Write;
use std::net::Shutdown;
use std::thread;

#[test]
fn a_message_comes_back() {
    let recording = record(|builder| builder, echo);
    let (mut stream, _handle) = recording.connect();
    for message in [&b"hello"[..], b"world", b"!"] {
        stream.write_all(message).unwrap();
        assert_eq!(read_exactly(&stream, message.len()), message);
    }
}

#[test]
fn megabytes_come_back_in_order_with_a_small_read_budget() {
    let recording = record(
        |builder| {
            builder.connection_options(reactor::ConnectionOptions {
                read_budget: 1,
                output_cap: usize::MAX,
                ..Default::default()
            })
        },
        echo,
    );
    let (stream, _handle) = recording.connect();
    let sent: Vec<u8> = (0..8_000_000u32).map(|number| (number % 251) as u8).collect();
    let received = thread::scope(|scope| {
        scope.spawn(|| {
            (&stream).write_all(&sent).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
        });
        read_to_end(&stream)
    });
    assert!(received == sent, "{} of {} bytes", received.len(), sent.len());
}

#[test]
fn many_connections_on_several_loops() {
    struct Echo;
    impl Service for Echo {
        type State = ();
        type Post = ();
        fn on_message(&mut self, connection: &mut Connection<'_, ()>, input: &mut Buffer) {
            echo(connection, input);
        }
    }
    let running = serve(|builder| builder.threads(3), |_seat| Echo);
    let streams: Vec<_> = (0..90).map(|_| running.connect()).collect();
    for round in 0..3 {
        for (index, mut stream) in streams.iter().enumerate() {
            stream.write_all(format!("{round}-{index:03}").as_bytes()).unwrap();
        }
        for (index, stream) in streams.iter().enumerate() {
            assert_eq!(read_exactly(stream, 5), format!("{round}-{index:03}").as_bytes());
        }
    }
    let connections: Vec<u64> =
        running.server.loops().iter().map(|handle| handle.stats().connections).collect();
    assert_eq!(connections, [30, 30, 30], "dealt in turn");
    assert_eq!(running.server.connection_count(), 90);
}

/// Echoes whole lines and leaves the rest.
fn echo_lines(connection: &mut Connection<'_, ()>, input: &mut Buffer) {
    while let Some(end) = input.find_eol(0) {
        connection.send(&input.peek()[..=end]);
        input.retrieve(end + 1);
    }
}

#[test]
fn split_messages_are_put_together() {
    let recording = record(|builder| builder, echo_lines);
    let (mut stream, _handle) = recording.connect();
    for byte in b"one line in pieces" {
        stream.write_all(&[*byte]).unwrap();
        recording.settle();
    }
    stream.write_all(b"\nrest").unwrap();
    assert_eq!(read_exactly(&stream, 19), b"one line in pieces\n");
    stream.write_all(b"\n").unwrap();
    assert_eq!(read_exactly(&stream, 5), b"rest\n");
}

#[test]
fn merged_messages_are_taken_apart() {
    let recording = record(|builder| builder, echo_lines);
    let (mut stream, _handle) = recording.connect();
    stream.write_all(b"a\nb\nc\nd").unwrap();
    assert_eq!(read_exactly(&stream, 6), b"a\nb\nc\n");
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&stream), b"", "an unfinished line is not echoed");
}

#[test]
fn a_message_longer_than_one_read_is_put_together() {
    let recording = record(|builder| builder, echo_lines);
    let (stream, _handle) = recording.connect();
    let mut line = vec![b'x'; 1_000_000];
    line.push(b'\n');
    let received = thread::scope(|scope| {
        scope.spawn(|| (&stream).write_all(&line).unwrap());
        read_exactly(&stream, line.len())
    });
    assert!(received == line);
}
