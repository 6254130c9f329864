//! `tokio-echo PORT [--loops N]`: what a user of tokio would write, as a process of its own.

use clap::Parser;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

/// A task reads into a buffer of its own: of the size that tokio's own copy has.
const BUFFER_BYTES: usize = 8 * 1024;
/// And for blocks above it, of this one, so that they are read at once.
const LARGE_BUFFER_BYTES: usize = 64 * 1024;

/// Echoes on the loopback address.
#[derive(Parser)]
struct Arguments {
    /// Port to listen on; 0 lets the system choose one
    port: u16,
    /// 1 is a runtime of one thread, more are worker threads
    #[arg(long, default_value_t = 1)]
    loops: usize,
}

fn main() -> io::Result<()> {
    let Arguments { port, loops } = Arguments::parse();
    let mut builder = match loops {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    if loops > 1 {
        builder.worker_threads(loops);
    }
    builder.enable_io().build()?.block_on(serve(port))
}

async fn serve(port: u16) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    writeln!(io::stdout(), "tokio-echo is listening on {}", listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        // A connection that fails is over, and the others go on.
        tokio::spawn(async move { drop(echo(stream).await) });
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..count]).await?;
        if count == buffer.len() {
            buffer.resize(LARGE_BUFFER_BYTES, 0);
        }
    }
}
