//! The header itself: required from proxies, not taken from anybody else.

use std::time::{Duration, Instant};

use super::{address, announced, behind_proxy, binary, is_served, line, raw};
use crate::support::{Launch, TestServer};

#[test]
fn a_header_may_come_byte_by_byte_and_merged_with_requests() {
    let server = TestServer::start(behind_proxy());
    for from in ["203.0.113.1", "2001:db8::1"].map(address) {
        for header in [line(from), binary(from)] {
            let mut slow = server.connect();
            for byte in &header {
                slow.send_bytes(&[*byte]);
            }
            assert!(is_served(&mut slow), "{header:?}");
            let mut fast = server.connect();
            fast.send_bytes(&[&header[..], &b"{\"msgid\":1012}\n".repeat(3)].concat());
            for _ in 0..3 {
                fast.expect(1013);
            }
            assert!(is_served(&mut fast), "{header:?}");
        }
    }
}

#[test]
fn a_proxy_that_announces_nobody_is_closed_without_a_word() {
    let server = TestServer::start(behind_proxy());
    let long = raw(0x21, 0x11, &[0; 600]);
    let cases: [&[u8]; 6] = [
        b"{\"msgid\":1012}\n",
        b"PROXY TCP4 nobody 192.0.2.1 1 2\r\n{\"msgid\":1012}\n",
        &[b'P'; 2000],
        &[0; 2000],
        &raw(0x21, 0x12, &[0; 12]),
        &long,
    ];
    for bytes in cases {
        let mut client = server.connect();
        // It may be closed before it has sent all.
        let _ = client.try_send_bytes(bytes);
        assert_eq!(client.expect_closed(), [0; 0], "{bytes:?}");
    }
    assert!(is_served(&mut announced(&server, &line(address("203.0.113.1")))));
    let warnings = server.log().matches("sent no PROXY header").count();
    assert_eq!(warnings, 1, "once is enough:\n{}", server.log());
}

#[test]
fn a_header_has_three_seconds_or_the_time_to_log_in() {
    let launch = behind_proxy().flag("--silence-ms", 600_000);
    for (login_within, least, most) in [(60_000, 2_900, 8_000), (300, 290, 2_500)] {
        let server = TestServer::start(launch.clone().flag("--login-within-ms", login_within));
        let since = Instant::now();
        let mut silent = server.connect();
        let mut slow = announced(&server, b"PROXY TCP4 203.0");
        assert_eq!(silent.expect_closed(), [0; 0]);
        assert_eq!(slow.expect_closed(), [0; 0]);
        let took = since.elapsed();
        let span = Duration::from_millis(least)..Duration::from_millis(most);
        assert!(span.contains(&took), "login within {login_within} ms: {took:?}");
    }
}

#[test]
fn a_proxy_may_leave_in_the_middle_of_its_header() {
    let server = TestServer::start(behind_proxy());
    let before = server.descriptors();
    let header = binary(address("203.0.113.1"));
    for at in 0..header.len() {
        let mut client = announced(&server, &header[..at]);
        client.end_of_sending();
        assert_eq!(client.expect_closed(), [0; 0]);
        announced(&server, &header[..at]).reset();
    }
    server.wait_for_descriptors(before);
}

#[test]
fn nobody_else_is_believed() {
    for launch in [Launch::new(), Launch::new().flag("--proxy-from", "192.0.2.0/24,::1")] {
        let server = TestServer::start(launch);
        for header in [line(address("203.0.113.1")), binary(address("203.0.113.1"))] {
            let mut client = announced(&server, &header);
            assert_eq!(client.next()["errno"], 100, "{header:?}");
            assert!(client.expect_closed().is_empty());
        }
        server.assert_alive();
    }
}

#[test]
fn only_the_first_bytes_are_a_header() {
    let server = TestServer::start(behind_proxy());
    let header = line(address("203.0.113.1"));
    let mut client = announced(&server, &header.repeat(2));
    assert_eq!(client.next()["errno"], 100);
}

#[test]
fn the_environment_and_the_file_name_proxies_too() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("chat.toml");
    std::fs::write(&path, "proxy-from = \"10.0.0.0/8,127.0.0.1\"\n").unwrap();
    let environment = Launch::new().environment("CHAT_PROXY_FROM", "127.0.0.1");
    for launch in [environment, Launch::new().flag("--config", path.display())] {
        let server = TestServer::start(launch);
        assert!(is_served(&mut announced(&server, &line(address("203.0.113.1")))));
    }
}
