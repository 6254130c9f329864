//! The examples, each included as it is and used over sockets.
#![expect(dead_code, reason = "examples have a `main`")]

#[path = "../../../examples/chat_length_prefixed.rs"]
mod chat_length_prefixed;
#[path = "../../../examples/chat_lines.rs"]
mod chat_lines;
#[path = "../../../examples/echo.rs"]
mod echo_example;
#[path = "../../../examples/idle_kick.rs"]
mod idle_kick;
#[path = "../../../examples/chargen.rs"]
mod chargen;
#[path = "../../../examples/daytime.rs"]
mod daytime;
#[path = "../../../examples/discard.rs"]
mod discard;
#[path = "../../../examples/file_transfer.rs"]
mod file_transfer;
#[path = "../../../examples/hub/main.rs"]
mod hub;
#[path = "../../../examples/max_connections.rs"]
mod max_connections;
#[path = "../../../examples/socks4a.rs"]
mod socks4a;
#[path = "../../../examples/time.rs"]
mod time;
#[cfg(feature = "tls")]
#[path = "../../../examples/tls_echo.rs"]
mod tls_echo;

mod http_server;
mod idle_wheel;
mod pingpong;
mod sudoku;

use crate::client_support::refusing;
use crate::support::{Running, echo, read_exactly, read_to_end, record, serve, wait_until};
#[cfg(feature = "tls")]
use crate::tls_support;
use reactor::{Seat, Service};
use std::io::{Seek, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn start<S: Service>(
    factory: impl Fn(Seat<S::Post>) -> S + Send + Sync + 'static,
) -> Running<S::Post> {
    serve(|builder| builder, factory)
}

#[test]
fn discard_takes_everything() {
    let running = start(|_seat| discard::Discard::default());
    let mut stream = running.connect();
    stream.write_all(&vec![0; 1 << 20]).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&stream), b"");
    assert_eq!(running.service_loop().stats().bytes_read, 1 << 20);
}

#[test]
fn chargen_goes_on_at_the_pace_of_a_slow_reader() {
    let running = start(|_seat| chargen::Chargen::new());
    let stream = running.connect();
    const PERIOD: usize = 95 * 74;
    let first = read_exactly(&stream, PERIOD);
    assert_eq!(
        &first[..74],
        format!("{}\r\n", (b' '..b' ' + 72).map(char::from).collect::<String>()).as_bytes()
    );
    wait_until("the kernel is full", || running.service_loop().stats().bytes_queued > 0);
    assert!(running.service_loop().stats().bytes_queued <= PERIOD as u64);
    for _ in 0..2000 {
        assert!(read_exactly(&stream, PERIOD) == first);
    }
}

#[test]
fn daytime_and_time_tell_the_time_and_hang_up() {
    let text = read_to_end(&start(|_seat| daytime::Daytime).connect());
    let text = String::from_utf8(text).unwrap();
    assert!(text.trim_end().parse::<jiff::Timestamp>().is_ok(), "{text}");
    let bytes = read_to_end(&start(|_seat| time::Time).connect());
    let seconds = u64::from(u32::from_be_bytes(bytes.try_into().unwrap()));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!((seconds - time::SECONDS_TO_1970).abs_diff(now) < 20);
}

#[test]
fn one_too_many_is_told_and_closed_even_if_it_stays() {
    let patience = Duration::from_millis(50);
    let running = start(move |_seat| max_connections::Limited { limit: 1, patience });
    let mut served = running.connect();
    served.write_all(b"x").unwrap();
    assert_eq!(read_exactly(&served, 1), b"x");
    let refused = running.connect();
    assert_eq!(read_to_end(&refused), b"too many connections\r\n");
    wait_until("it is closed", || running.server.connection_count() == 1);
    served.write_all(b"y").unwrap();
    assert_eq!(read_exactly(&served, 1), b"y");
}

#[test]
fn a_file_larger_than_all_buffers_arrives_whole_and_costs_a_chunk() {
    let mut file = tempfile::tempfile().unwrap();
    let content: Vec<u8> = (0..16_u32 << 20).map(|at| (at / 3 % 251) as u8).collect();
    file.write_all(&content).unwrap();
    file.rewind().unwrap();
    let file = Arc::new(file);
    let running = start(move |_seat| file_transfer::FileTransfer::new(file.clone()));
    let streams = [running.connect(), running.connect()];
    wait_until("both are held up", || running.service_loop().stats().bytes_queued > 0);
    assert!(running.service_loop().stats().bytes_queued <= 2 * 64 * 1024);
    for stream in streams {
        assert!(read_to_end(&stream) == content);
    }
}

fn ask(running: &Running<()>, target: SocketAddr) -> TcpStream {
    let std::net::IpAddr::V4(ip) = target.ip() else { panic!("a target of IPv4") };
    let mut stream = running.connect();
    let mut request = vec![4, 1];
    request.extend(target.port().to_be_bytes());
    request.extend(ip.octets());
    request.extend(b"user\0early");
    // In two pieces, and with a word for the target behind it.
    stream.write_all(&request[..5]).unwrap();
    stream.write_all(&request[5..]).unwrap();
    stream
}

#[test]
fn the_proxy_connects_and_passes_on() {
    let echoing = record(|builder| builder, echo);
    let running = start(|_seat| socks4a::Socks);
    let mut stream = ask(&running, echoing.running.server.local_addr());
    assert_eq!(read_exactly(&stream, 8), [0, 90, 0, 0, 0, 0, 0, 0]);
    assert_eq!(read_exactly(&stream, 5), b"early");
    stream.write_all(b"later").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&stream), b"later");
}

#[test]
fn the_proxy_rejects_what_it_cannot_reach_or_understand() {
    let running = start(|_seat| socks4a::Socks);
    let (_socket, refused) = refusing();
    assert_eq!(read_to_end(&ask(&running, refused)), [0, 91, 0, 0, 0, 0, 0, 0]);
    for request in
        [&b"\x05\x01\0\x50\x01\x02\x03\x04\0"[..], b"\x04\x01\0\x50\0\0\0\x01user\0name\0"]
    {
        let mut stream = running.connect();
        stream.write_all(request).unwrap();
        assert_eq!(read_to_end(&stream), [0, 91, 0, 0, 0, 0, 0, 0], "{request:?}");
    }
}

#[test]
fn the_hub_tells_subscribers_and_those_who_come_later() {
    let running = serve(|builder| builder.threads(2), hub::Hub::new);
    // The first and the third are on one loop, the second on the other.
    let (mut publisher, mut early, mut late) =
        (running.connect(), running.connect(), running.connect());
    early.write_all(b"sub news\r\nsub else\r\npub else\r\nready\r\n").unwrap();
    assert_eq!(read_exactly(&early, 17), b"pub else\r\nready\r\n");
    publisher.write_all(b"pub news\r\nhello\r\n").unwrap();
    assert_eq!(read_exactly(&early, 17), b"pub news\r\nhello\r\n");
    late.write_all(b"sub news\r\n").unwrap();
    assert_eq!(read_exactly(&late, 17), b"pub news\r\nhello\r\n");
    late.write_all(b"unsub news\r\npub else\r\nagain\r\n").unwrap();
    assert_eq!(read_exactly(&early, 17), b"pub else\r\nagain\r\n");
    publisher.write_all(b"pub news\r\nworld\r\nnonsense\r\n").unwrap();
    assert_eq!(read_to_end(&publisher), b"");
    assert_eq!(read_exactly(&early, 17), b"pub news\r\nworld\r\n");
    drop(early);
    late.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&late), b"", "it had unsubscribed");
}

#[test]
fn the_hub_has_room_for_so_many_topics_and_for_lines_so_long() {
    let running = serve(|builder| builder, hub::Hub::new);
    let mut stream = running.connect();
    let topics: String = (0..10_000).map(|topic| format!("sub {topic}\r\n")).collect();
    stream.write_all(topics.as_bytes()).unwrap();
    stream.write_all(b"pub 9999\r\nroom\r\n").unwrap();
    assert_eq!(read_exactly(&stream, 16), b"pub 9999\r\nroom\r\n");
    stream.write_all(b"sub one more\r\n").unwrap();
    assert_eq!(read_to_end(&stream), b"");
    let mut stream = running.connect();
    stream.write_all(&[b'x'; 1025]).unwrap();
    assert_eq!(read_to_end(&stream), b"");
}

#[test]
fn echo_sends_back() {
    let running = start(|_seat| echo_example::Echo);
    let mut stream = running.connect();
    stream.write_all(b"hello").unwrap();
    assert_eq!(read_exactly(&stream, 5), b"hello");
}

#[test]
fn a_line_reaches_everybody_on_every_loop() {
    let running = serve(|builder| builder.threads(2), |seat| chat_lines::Chat { seat });
    let mut streams: Vec<_> = (0..4).map(|_| running.connect()).collect();
    wait_until("all live", || {
        running.server.loops().iter().all(|handle| handle.stats().connections == 2)
    });
    streams[0].write_all(b"to all\nhalf a").unwrap();
    streams[3].write_all(b"me too\n").unwrap();
    for stream in &streams {
        let mut lines = [read_exactly(stream, 7), read_exactly(stream, 7)];
        lines.sort();
        assert_eq!(lines, [b"me too\n", b"to all\n"]);
    }
}

#[test]
fn messages_behind_their_length_reach_everybody_on_every_loop() {
    let running = serve(|builder| builder.threads(2), |seat| chat_length_prefixed::Chat { seat });
    let mut streams: Vec<_> = (0..4).map(|_| running.connect()).collect();
    wait_until("all live", || {
        running.server.loops().iter().all(|handle| handle.stats().connections == 2)
    });
    streams[0].write_all(b"\0\0\0\x02to\0\0\0\0\0\0\0\x03a").unwrap();
    for stream in &streams {
        assert_eq!(read_exactly(stream, 10), b"\0\0\0\x02to\0\0\0\0");
    }
    streams[0].write_all(b"ll").unwrap();
    let longest = [&65_536_u32.to_be_bytes()[..], &[b'x'; 65_536]].concat();
    for stream in &streams {
        assert_eq!(read_exactly(stream, 7), b"\0\0\0\x03all");
    }
    streams[3].write_all(&longest).unwrap();
    for stream in &streams {
        assert!(read_exactly(stream, longest.len()) == longest);
    }
    // What comes before a length that is too large still counts.
    streams[1].write_all(b"\0\0\0\x03end\0\x01\0\x01").unwrap();
    for stream in [&streams[0], &streams[2], &streams[3]] {
        assert_eq!(read_exactly(stream, 7), b"\0\0\0\x03end");
    }
    wait_until("the sender is hung up on", || running.server.connection_count() == 3);
}

#[test]
fn the_idle_are_told_and_closed_and_the_others_stay() {
    const LIMIT: Duration = Duration::from_millis(200);
    let running = start(|_seat| idle_kick::IdleKick { limit: LIMIT });
    let (idle, mut busy) = (running.connect(), running.connect());
    let begin = std::time::Instant::now();
    while begin.elapsed() < LIMIT * 2 {
        busy.write_all(b"x").unwrap();
        assert_eq!(read_exactly(&busy, 1), b"x");
        std::thread::sleep(LIMIT / 20);
    }
    assert_eq!(read_to_end(&idle), b"idle for too long\n");
    wait_until("one is left", || running.server.connection_count() == 1);
}

#[cfg(feature = "tls")]
#[test]
fn tls_echo_reads_its_files_and_answers() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let [certificates, key] = ["certificates.pem", "key.pem"].map(|name| folder.path().join(name));
    std::fs::write(&certificates, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let config = tls_echo::read_config(&certificates, &key).unwrap();
    let running = serve(|builder| builder.tls(config), |_seat| tls_echo::Echo);
    let client = tls_support::trusting(made.cert.der().clone());
    let mut stream = tls_support::over(running.connect(), client);
    stream.write_all(b"ping").unwrap();
    let mut bytes = [0; 19];
    std::io::Read::read_exact(&mut stream, &mut bytes).unwrap();
    assert_eq!(&bytes, b"hello over 1.3\nping");
    let missing = tls_echo::read_config(&folder.path().join("none"), &key);
    assert!(missing.is_err());
}
