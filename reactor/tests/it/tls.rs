//! TLS on real sockets: servers.

use crate::support::{Event, PATIENCE, echo, read_to_end, reset, serve, swallow, wait_until};
use crate::tls_support::{Configs, handshakes_failed, on_connection};
use reactor::rustls::version::{TLS12, TLS13};
use reactor::rustls::{self, RootCertStore};
use reactor::{CloseReason, Connection, ConnectionOptions, TcpServer};
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn what_is_sealed_is_echoed() {
    let configs = Configs::new();
    let recording = configs.record(|builder| builder, echo);
    let mut stream = configs.over(recording.running.connect());
    stream.write_all(b"ping").unwrap();
    let mut bytes = [0; 4];
    stream.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"ping");
    let events = recording.drain();
    assert!(matches!(events[0], Event::Connected(_)), "{events:?}");
    assert!(matches!(&events[1], Event::Message(_, bytes) if bytes == b"ping"), "{events:?}");
    wait_until("four bytes are counted, as the service sees them", || {
        let stats = recording.running.service_loop().stats();
        (stats.bytes_read, stats.bytes_written) == (4, 4)
    });
}

#[test]
fn tls_1_2_is_spoken_too() {
    for version in [&TLS12, &TLS13] {
        let mut configs = Configs::new();
        let mut roots = RootCertStore::empty();
        roots.add(certificate_of(&configs)).unwrap();
        configs.client = Arc::new(
            rustls::ClientConfig::builder_with_protocol_versions(&[version])
                .with_root_certificates(roots)
                .with_no_client_auth(),
        );
        let recording = configs.record(|builder| builder, echo);
        let mut stream = configs.over(recording.running.connect());
        stream.write_all(b"ping").unwrap();
        stream.read_exact(&mut [0; 4]).unwrap();
        let spoken = stream.conn.protocol_version();
        assert_eq!(spoken, Some(version.version));
        recording.on_loop(move |connections| {
            connections.for_each(|connection| {
                assert_eq!(connection.tls().and_then(|tls| tls.protocol_version()), spoken);
            });
        });
    }
}

fn certificate_of(configs: &Configs) -> rustls::pki_types::CertificateDer<'static> {
    let recording = configs.record(|builder| builder, swallow);
    let stream = configs.shaken_over(recording.running.connect());
    stream.conn.peer_certificates().unwrap()[0].clone().into_owned()
}

#[test]
fn megabytes_pass_in_both_directions_at_once() {
    let configs = Configs::new();
    let recording = configs.record(|builder| builder, echo);
    let mut stream = configs.shaken_over(recording.running.connect());
    let sent: Vec<u8> = (0..6_000_000_u32).map(|n| (n / 3) as u8).collect();
    let mut received = Vec::new();
    for piece in sent.chunks(200_000) {
        stream.write_all(piece).unwrap();
        let mut bytes = vec![0; piece.len()];
        stream.read_exact(&mut bytes).unwrap();
        received.extend(bytes);
    }
    assert!(received == sent);
}

#[test]
fn a_slow_reader_gets_all_and_is_told_of_in_time() {
    const BYTES: usize = 20_000_000;
    let configs = Configs::new();
    let options = ConnectionOptions { output_cap: 2 * BYTES, ..Default::default() };
    let recording = configs.record(
        |builder| builder.connection_options(options),
        |connection, input| {
            input.retrieve_all();
            connection.send(&vec![b'x'; BYTES]);
        },
    );
    let mut stream = configs.over(recording.running.connect());
    stream.write_all(b"go").unwrap();
    stream.flush().unwrap();
    recording.wait_for("high water", |event| match event {
        Event::HighWater(queued) => (queued > 1 << 20).then_some(()),
        _ => None,
    });
    let mut received = vec![0; BYTES];
    stream.read_exact(&mut received).unwrap();
    assert!(received.iter().all(|&byte| byte == b'x'));
    recording.wait_for("all written", |event| match event {
        Event::WriteComplete => Some(()),
        _ => None,
    });
    let stats = recording.running.service_loop().stats();
    assert_eq!((stats.bytes_written, stats.bytes_queued), (BYTES as u64, 0));
}

#[test]
fn ends_are_told_apart_from_cuts() {
    let configs = Configs::new();
    let recording = configs.record(|builder| builder, echo);
    let mut stream = configs.shaken_over(recording.running.connect());
    stream.write_all(b"last words").unwrap();
    stream.conn.send_close_notify();
    stream.conn.complete_io(&mut stream.sock).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an end that is told");
    assert_eq!(answer, b"last words");
    assert_eq!(recording.wait_closed().1, CloseReason::EndOfStream);

    let stream = configs.shaken_over(recording.running.connect());
    recording.wait_for("connected", |event| matches!(event, Event::Connected(_)).then_some(()));
    stream.sock.shutdown(Shutdown::Write).unwrap();
    let cut = CloseReason::Error(ErrorKind::UnexpectedEof);
    assert_eq!(recording.wait_closed().1, cut);
}

#[test]
fn both_ways_of_ending_tell_the_peer() {
    type End = fn(&mut Connection<'_, ()>);
    let ends: [End; 2] =
        [|connection| connection.shutdown(), |connection| connection.close_after_flush()];
    for end in ends {
        let configs = Configs::new();
        let recording = configs.record(|builder| builder, swallow);
        let mut stream = configs.shaken_over(recording.running.connect());
        recording.wait_for("connected", |event| matches!(event, Event::Connected(_)).then_some(()));
        on_connection(&recording, move |connection| {
            connection.send(b"bye");
            end(connection);
        });
        let mut bytes = Vec::new();
        // Without a close_notify this would be an error.
        stream.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, b"bye");
        drop(stream);
        recording.wait_closed();
    }
}

#[test]
fn a_service_is_not_told_of_who_does_not_speak_tls() {
    let configs = Configs::new();
    let recording = configs.record(|builder| builder, echo);
    let mut stranger = recording.running.connect();
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let alert = read_to_end(&stranger);
    assert_eq!(alert.first(), Some(&21), "an alert, as TLS has it");
    let hasty = recording.running.connect();
    drop(hasty);
    reset(recording.running.connect());
    wait_until("three fail", || handshakes_failed(&recording) == 3);
    assert!(recording.drain().is_empty());
    wait_until("none is left", || recording.running.server.connection_count() == 0);
}

#[test]
fn an_unknown_certificate_is_no_ones_connection() {
    let configs = Configs::new();
    let recording = configs.record(|builder| builder, echo);
    let others = Configs::new();
    let mut stream = others.over(recording.running.connect());
    assert_eq!(stream.write_all(b"ping").unwrap_err().kind(), ErrorKind::InvalidData);
    wait_until("it fails", || handshakes_failed(&recording) == 1);
    assert!(recording.drain().is_empty());
}

#[test]
fn patience_with_a_handshake_ends() {
    let configs = Configs::new();
    let options = ConnectionOptions {
        handshake_timeout: Some(Duration::from_millis(30)),
        ..Default::default()
    };
    let recording = configs.record(|builder| builder.connection_options(options), echo);
    let silent = recording.running.connect();
    assert!(read_to_end(&silent).is_empty());
    assert_eq!(handshakes_failed(&recording), 1);
    assert!(recording.drain().is_empty());
    // It ends with the handshake, not with the connection.
    let mut stream = configs.shaken_over(recording.running.connect());
    recording.on_loop(|connections| connections.run_after(Duration::from_millis(60), 1));
    recording.wait_for("later", |event| matches!(event, Event::ServiceTimer(1)).then_some(()));
    stream.write_all(b"ping").unwrap();
    stream.read_exact(&mut [0; 4]).unwrap();
}

#[test]
fn a_stop_does_not_wait_for_handshakes() {
    let configs = Configs::new();
    let mut recording = configs.record(|builder| builder, echo);
    let silent = recording.running.connect();
    wait_until("it is there", || recording.running.server.connection_count() == 1);
    recording.running.server.stop(PATIENCE);
    assert!(read_to_end(&silent).is_empty());
}

#[test]
fn early_data_is_refused_before_anything_starts() {
    let configs = Configs::new();
    let mut server = Arc::unwrap_or_clone(configs.server);
    server.max_early_data_size = 1;
    let mut event_loop = reactor::EventLoop::new().unwrap();
    let error = TcpServer::builder("127.0.0.1:0".parse().unwrap())
        .tls(Arc::new(server))
        .start(&mut event_loop, |_seat| crate::support::Echo)
        .err();
    assert!(error.unwrap().to_string().contains("max_early_data_size"));
}

#[test]
fn loops_share_one_configuration() {
    let configs = Configs::new();
    let server = configs.server.clone();
    let running =
        serve(move |builder| builder.threads(2).tls(server), |_seat| crate::support::Echo);
    let mut streams = Vec::new();
    for _ in 0..4 {
        let mut stream = configs.over(running.connect());
        stream.write_all(b"ping").unwrap();
        stream.read_exact(&mut [0; 4]).unwrap();
        streams.push(stream);
    }
    let resumed = streams[3].conn.handshake_kind();
    assert_eq!(resumed, Some(rustls::HandshakeKind::Resumed), "tickets are of the whole server");
}
