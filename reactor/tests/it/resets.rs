//! Connections that break while there is still something to be read, or nobody reads.

use crate::client_support::LOOPBACK;
use crate::proxy::proxy;
use crate::puppet::Moment;
use crate::stage::Stage;
use crate::support::{Event, PATIENCE, fill, read_to_end, record, reset, swallow};
use reactor::{CloseReason, ConnectionOptions};
use std::io::{ErrorKind, Write};
use std::net::{Shutdown, TcpListener};

const RESET: CloseReason = CloseReason::Error(ErrorKind::ConnectionReset);

#[test]
fn bytes_in_front_of_a_reset_are_not_lost() {
    let recording = record(|builder| builder, swallow);
    // Less than one read, and more.
    for count in [1, 1000, 40_000] {
        let (mut stream, handle) = recording.connect();
        let release = recording.hold_loop();
        stream.write_all(&vec![b'x'; count]).unwrap();
        reset(stream);
        release.send(()).unwrap();
        let mut received = 0;
        let reason = loop {
            match recording.next() {
                Event::Message(id, bytes) => {
                    assert_eq!(id, handle.id());
                    received += bytes.len();
                }
                Event::Closed(id, reason) => break (id, reason),
                _ => {}
            }
        };
        assert_eq!((received, reason), (count, (handle.id(), RESET)));
    }
}

#[test]
fn a_reset_is_seen_by_one_that_stops_reading_at_the_bytes_in_front_of_it() {
    for budget in [1, 256 << 10] {
        let options = ConnectionOptions { read_budget: budget, ..Default::default() };
        let recording = record(
            |builder| builder.connection_options(options),
            |connection, input| {
                input.retrieve_all();
                connection.stop_reading();
            },
        );
        let (mut stream, handle) = recording.connect();
        let release = recording.hold_loop();
        stream.write_all(b"one thing").unwrap();
        reset(stream);
        release.send(()).unwrap();
        assert_eq!(recording.wait_closed(), (handle.id(), RESET), "with a budget of {budget}");
    }
}

#[test]
fn a_reset_is_seen_by_one_that_a_neighbour_stops_before_its_turn_to_read_on() {
    let options = ConnectionOptions { read_budget: 1, ..Default::default() };
    let recording = record(
        |builder| builder.connection_options(options),
        |connection, input| {
            input.retrieve_all();
            // Its own reading is cut off by the budget now.
            let all = connection.connections().ids();
            for id in all {
                connection.connections().get(id).unwrap().stop_reading();
            }
        },
    );
    let (one, two) = (recording.connect(), recording.connect());
    let release = recording.hold_loop();
    for (stream, _) in [&one, &two] {
        (&*stream).write_all(&[b'x'; 40_000]).unwrap();
    }
    reset(one.0);
    reset(two.0);
    release.send(()).unwrap();
    let mut closed = [recording.wait_closed(), recording.wait_closed()];
    closed.sort_by_key(|(id, _)| *id != one.1.id());
    assert_eq!(closed, [(one.1.id(), RESET), (two.1.id(), RESET)]);
}

#[test]
fn a_reset_behind_an_end_of_stream_is_seen_although_nobody_reads_any_more() {
    // Leaves its side open after the end of the peer.
    let stage = Stage::new(|_, _| ());
    let actor = stage.enter();
    stage.while_held(|| {
        actor.stream.shutdown(Shutdown::Write).unwrap();
        reset(actor.stream);
    });
    stage.wait_for(Moment::EndOfStream);
    stage.wait_for(Moment::Closed(CloseReason::Error(ErrorKind::BrokenPipe)));
}

#[test]
fn what_waits_for_a_slow_reader_in_front_of_a_reset_is_passed_on() {
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let (running, _events) = proxy(listener.local_addr().unwrap(), PATIENCE);
    let client = running.connect();
    let (target, _) = listener.accept().unwrap();
    // Until all is full: the buffers of the client, of the proxy, and in front of the proxy.
    fill(&target);
    let read_by_the_proxy = running.service_loop().stats().bytes_read;
    reset(target);
    let received = read_to_end(&client).len() as u64;
    assert!(received > read_by_the_proxy, "{received} of more than {read_by_the_proxy}");
}
