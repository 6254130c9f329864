use super::*;
use proptest::prelude::*;

const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A header of version 2 with `body` behind the 16 bytes that are always there.
fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).expect("a short body").to_be_bytes();
    [V2, &[command, family], &length, body].concat()
}

fn v4_body() -> Vec<u8> {
    [[203, 0, 113, 9], [192, 0, 2, 1], [0x30, 0x39, 0x17, 0x70]].concat()
}

fn v6_body() -> Vec<u8> {
    let ends = ["2001:db8::9", "2001:db8::1"].map(|text| text.parse().expect("an address"));
    let [source, destination] = ends.map(|end: core::net::Ipv6Addr| end.octets());
    [&source[..], &destination, &[0x30, 0x39, 0x17, 0x70]].concat()
}

fn good() -> Vec<(Vec<u8>, Option<&'static str>)> {
    let text = |line: &str| line.as_bytes().to_vec();
    let with_extension = [&v4_body()[..], &[0x04, 0, 2, 0, 0]].concat();
    let unix = vec![7; 216];
    let padded = [&v4_body()[..], &[4, 1, 0xf9], &[0; 505]].concat();
    vec![
        (text("PROXY TCP4 203.0.113.9 192.0.2.1 12345 6000\r\n"), Some("203.0.113.9")),
        (text("PROXY TCP6 2001:db8::9 2001:db8::1 12345 6000\r\n"), Some("2001:db8::9")),
        (text("PROXY TCP4 255.255.255.255 192.0.2.1 65535 0\r\n"), Some("255.255.255.255")),
        (text("PROXY UNKNOWN\r\n"), None),
        (text("PROXY UNKNOWN ffff:f:f::ffff ffff::1 65535 65535\r\n"), None),
        (text("PROXY UNKNOWN any thing at all up to the end of it\r\n"), None),
        (v2(0x21, 0x11, &v4_body()), Some("203.0.113.9")),
        (v2(0x21, 0x21, &v6_body()), Some("2001:db8::9")),
        (v2(0x21, 0x11, &with_extension), Some("203.0.113.9")),
        (v2(0x21, 0x11, &padded), Some("203.0.113.9")),
        (v2(0x21, 0x00, &[]), None),
        (v2(0x21, 0x31, &unix), None),
        (v2(0x20, 0x00, &[]), None),
        (v2(0x20, 0x11, &v4_body()), None),
    ]
}

#[test]
fn every_good_header_is_read_with_a_request_behind_it_or_none() {
    for (header, client) in good() {
        let client = client.map(|text| text.parse().expect("an address"));
        let found = Scan::Header { client, length: header.len() };
        assert_eq!(scan(&header), found, "{header:?}");
        let merged = [&header[..], b"{\"msgid\":1012}\n"].concat();
        assert_eq!(scan(&merged), found, "{header:?}");
        let flood = [&header[..], &[b' '; 10_000]].concat();
        assert_eq!(scan(&flood), found, "{header:?}");
    }
}

#[test]
fn split_at_any_byte_a_good_header_is_incomplete() {
    for (header, _) in good() {
        for at in 0..header.len() {
            assert_eq!(scan(&header[..at]), Scan::Incomplete, "{at} of {header:?}");
        }
    }
}

#[test]
fn what_is_no_header_is_refused() {
    let long_line = format!("PROXY UNKNOWN {}\r\n", "x".repeat(LINE_MAX));
    let long_body = [&v4_body()[..], &[0; 509]].concat();
    let bad: Vec<Vec<u8>> = vec![
        b"{\"msgid\":1012}\n".to_vec(),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        b"\0\0\0\0".to_vec(),
        b"proxy TCP4 203.0.113.9 192.0.2.1 12345 6000\r\n".to_vec(),
        b"PROXY TCP5 203.0.113.9 192.0.2.1 12345 6000\r\n".to_vec(),
        b"PROXY UDP4 203.0.113.9 192.0.2.1 12345 6000\r\n".to_vec(),
        b"PROXY TCP4 203.0.113.256 192.0.2.1 12345 6000\r\n".to_vec(),
        b"PROXY TCP4 2001:db8::9 2001:db8::1 12345 6000\r\n".to_vec(),
        b"PROXY TCP6 203.0.113.9 192.0.2.1 12345 6000\r\n".to_vec(),
        b"PROXY TCP4 203.0.113.9 192.0.2.1 65536 6000\r\n".to_vec(),
        b"PROXY TCP4 203.0.113.9 192.0.2.1 -1 6000\r\n".to_vec(),
        b"PROXY TCP4 203.0.113.9 192.0.2.1 12345 6000\rx".to_vec(),
        b"PROXY TCP4 203.0.113.9 192.0.2.1 12345 \xff\r\n".to_vec(),
        b"PROXY TCP4  203.0.113.9 192.0.2.1 12345 6000\r\n".to_vec(),
        b"P".repeat(LENGTH_MAX),
        long_line.into_bytes(),
        [b"PROXY UNKNOWN".as_slice(), &[b'x'; LENGTH_MAX]].concat(),
        [b"\r\n\r\n\0\r\nQUIX\n".as_slice(), &[0x21, 0x11, 0, 0]].concat(),
        v2(0x11, 0x11, &v4_body()),
        v2(0x22, 0x11, &v4_body()),
        v2(0x21, 0x12, &v4_body()),
        v2(0x21, 0x13, &v4_body()),
        v2(0x21, 0x41, &v4_body()),
        [v2(0x21, 0x11, &v4_body()[..11]), b"more".to_vec()].concat(),
        v2(0x21, 0x31, &[0; 215]),
        v2(0x21, 0x11, &long_body),
        [V2, &[0x21, 0x11, 0xff, 0xff], &[0; LENGTH_MAX]].concat(),
    ];
    for input in bad {
        assert_eq!(scan(&input), Scan::Malformed, "{:?}", String::from_utf8_lossy(&input));
    }
}

proptest! {
    #[test]
    fn a_damaged_header_is_never_longer_than_its_input(
        which in 0usize..14,
        at in any::<prop::sample::Index>(),
        byte: u8,
        tail in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let (mut input, _) = good().swap_remove(which);
        let at = at.index(input.len());
        input[at] = byte;
        input.extend(tail);
        match scan(&input) {
            Scan::Header { length, .. } => prop_assert!(length <= input.len().min(LENGTH_MAX)),
            Scan::Incomplete => prop_assert!(input.len() < LENGTH_MAX),
            Scan::Malformed => {}
        }
    }

    #[test]
    fn any_bytes_at_all_are_answered(input in prop::collection::vec(any::<u8>(), 0..1200)) {
        if let Scan::Header { length, .. } = scan(&input) {
            prop_assert!(length <= input.len());
        }
    }
}
