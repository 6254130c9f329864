//! muduo's throughput test, against any echo server:
//! `cargo run --release -p reactor --example pingpong -- ADDRESS CONNECTIONS BYTES SECONDS`.
//!
//! Each connection is a blocking thread that sends a block and waits for it to come back. With
//! `self` for the address, an echo server of one loop runs in this process.

use reactor::{Buffer, Connection, EventLoopThread, Service, TcpServer};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

struct Echo;

impl Service for Echo {
    type State = ();
    type Post = ();

    fn on_message(&mut self, connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        connection.send(input.peek());
        input.retrieve_all();
    }
}

/// Blocks that came back within the time.
fn play(address: SocketAddr, block_bytes: usize, duration: Duration) -> io::Result<u64> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let (block, mut back) = (vec![b'p'; block_bytes], vec![0; block_bytes]);
    let start = Instant::now();
    let mut blocks = 0;
    while start.elapsed() < duration {
        stream.write_all(&block)?;
        stream.read_exact(&mut back)?;
        blocks += 1;
    }
    Ok(blocks)
}

/// An echo server on a loop of its own, which lives as long as the returned thread.
fn serve() -> Result<(EventLoopThread, SocketAddr), Box<dyn std::error::Error>> {
    let (sender, receiver) = mpsc::channel();
    let thread = EventLoopThread::start("echo", move |event_loop| {
        let server = TcpServer::builder(SocketAddr::from(([127, 0, 0, 1], 0)));
        // If the receiver is gone, so is the program.
        let _gone = sender.send(server.start(event_loop, |_seat| Echo));
    })?;
    let server = receiver.recv()??;
    let address = server.local_addr();
    // Dropped, it would stop; the loop has it to its end.
    thread.handle().run_after(Duration::MAX, move |_| drop(server));
    Ok((thread, address))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let argument = |position| std::env::args().nth(position);
    let number = |position, default| {
        argument(position).and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (connections, block_bytes) = (number(2, 10), number(3, 16_384) as usize);
    let duration = Duration::from_secs(number(4, 3));
    let (_server, address) = match argument(1).as_deref() {
        None | Some("self") => serve().map(|(thread, address)| (Some(thread), address))?,
        Some(text) => (None, text.parse()?),
    };
    let players: Vec<_> = (0..connections)
        .map(|_| thread::spawn(move || play(address, block_bytes, duration)))
        .collect();
    let mut blocks = 0;
    for player in players {
        blocks += player.join().map_err(|_| "a player panicked")??;
    }
    let seconds = duration.as_secs_f64();
    eprintln!(
        "{:.0} blocks/s, {:.1} MiB/s each way",
        blocks as f64 / seconds,
        blocks as f64 * block_bytes as f64 / seconds / f64::from(1 << 20),
    );
    Ok(())
}
