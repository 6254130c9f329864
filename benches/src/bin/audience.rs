//! `audience SERVER CONNECTIONS BYTES`: connections that only receive, as a process of their own.

use benches::audience::attend;
use clap::Parser;
use std::io::{self, Write};
use std::net::SocketAddr;

/// Receives messages on many connections, and says when all have one.
#[derive(Parser)]
struct Arguments {
    /// Where to connect to
    server: SocketAddr,
    /// How many connections
    connections: usize,
    /// Bytes of a message
    bytes: usize,
}

fn main() -> io::Result<()> {
    let Arguments { server, connections, bytes } = Arguments::parse();
    let mut out = io::stdout();
    // Without a reader it is about to be killed.
    match attend(server, connections, bytes, |line| drop(writeln!(out, "{line}")))? {}
}
