//! The PROXY protocol, versions 1 and 2: what a proxy says in front of a connection's bytes about
//! the client behind it. No I/O; who may be believed is decided elsewhere.

use core::net::IpAddr;

use proxy_header::{Error, ParseConfig, Protocol, ProxyHeader};

/// The longest header that is read: the 16 bytes of version 2 and 520 of addresses and
/// extensions; HAProxy's own is shorter.
pub(super) const LENGTH_MAX: usize = 536;
/// The longest header of version 1, by its specification.
const LINE_MAX: usize = 107;

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scan {
    /// So far a part of a header.
    Incomplete,
    /// A header of `length` bytes.
    Header {
        /// Where the client is; `None` when the proxy speaks for itself or does not know, so that
        /// the peer's own address counts.
        client: Option<IpAddr>,
        length: usize,
    },
    /// No header, or one of something that cannot be a client of ours.
    Malformed,
}

/// Looks for a header at the start of `input`, which may go on behind it.
pub(super) fn scan(input: &[u8]) -> Scan {
    let window = &input[..input.len().min(LENGTH_MAX)];
    let config = ParseConfig { include_tlvs: false, ..ParseConfig::default() };
    match ProxyHeader::parse(window, config) {
        Ok((_, length)) if window.starts_with(b"P") && length > LINE_MAX => Scan::Malformed,
        Ok((header, length)) => match header.proxied_address() {
            Some(address) if address.protocol != Protocol::Stream => Scan::Malformed,
            address => Scan::Header { client: address.map(|found| found.source.ip()), length },
        },
        Err(Error::BufferTooShort) if window.len() < LENGTH_MAX => Scan::Incomplete,
        Err(_) => Scan::Malformed,
    }
}

#[cfg(test)]
mod tests;
