//! muduo's ping-pong client, for any echo server, such as the example `echo`: each session sends a
//! block, and again when it has come back.
//! `cargo run --release -p reactor --example pingpong -- ADDRESS LOOPS SESSIONS BYTES SECONDS`.
//!
//! The sessions of a loop are one service's, opened by `Connections::connect`. A `TcpClient` for each
//! would be a source that the loop looks at every turn; here it only puts the service on its loop.

mod sessions;
pub(crate) mod tally;

use reactor::{ConnectionOptions, EventLoopThread, TcpClient};
use sessions::{PATIENCE, Sessions};
use std::error::Error;
use std::net::SocketAddr;
use std::process::exit;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;
use tally::Tally;

const USAGE: &str = "usage: pingpong ADDRESS [LOOPS [SESSIONS [BYTES [SECONDS]]]]
    ADDRESS   of an echo server, for example 127.0.0.1:2007
    LOOPS     to play on, a thread each (1)
    SESSIONS  on all loops together (10)
    BYTES     of a block, up to 8388608 (16384)
    SECONDS   to play (3)";
/// What a connection may have queued by default, at either side.
const BLOCK_BYTES_MAX: usize = 8 << 20;
const MIB: f64 = (1 << 20) as f64;

#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) address: SocketAddr,
    pub(crate) loops: usize,
    pub(crate) sessions: usize,
    pub(crate) block_bytes: usize,
    /// A block that is under way at the end is the last of its session.
    pub(crate) duration: Duration,
}

pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Plan> {
    let address = arguments.next()?.parse().ok()?;
    let mut number = |default| match arguments.next() {
        Some(text) => text.parse().ok().filter(|&number: &usize| number > 0),
        None => Some(default),
    };
    let (loops, sessions) = (number(1)?, number(10)?);
    let block_bytes = number(16_384).filter(|&bytes| bytes <= BLOCK_BYTES_MAX)?;
    let duration = Duration::from_secs(number(3)? as u64);
    Some(Plan { address, loops, sessions, block_bytes, duration })
}

type Loop = (EventLoopThread, TcpClient<()>);

/// Has a loop of its own play.
fn start(plan: Plan, results: Sender<Result<Tally, String>>) -> Result<Loop, Box<dyn Error>> {
    let options = ConnectionOptions { idle_timeout: Some(PATIENCE), ..Default::default() };
    let builder = TcpClient::builder([plan.address]).connection_options(options);
    let (sender, receiver) = mpsc::channel();
    let thread = EventLoopThread::start("pingpong", move |event_loop| {
        let client = builder.start(event_loop, |_handle| Sessions::new(plan, results));
        // Who started the thread waits for this.
        let _waiting = sender.send(client);
    })?;
    let client = receiver.recv()??;
    client.post(())?;
    Ok((thread, client))
}

/// Plays, and tells every second how it goes.
pub(crate) fn run(plan: Plan) -> Result<Tally, Box<dyn Error>> {
    let (sender, results) = mpsc::channel();
    let count = plan.loops.min(plan.sessions);
    let loops: Vec<Loop> = (0..count)
        .map(|index| Plan { sessions: (plan.sessions + index) / count, ..plan })
        .map(|share| start(share, sender.clone()))
        .collect::<Result<_, _>>()?;
    let (mut tally, mut left, mut bytes_before) = (Tally::default(), count, 0);
    while left > 0 {
        if let Ok(result) = results.recv_timeout(Duration::from_secs(1)) {
            tally.add(result?);
            left -= 1;
        } else {
            let stats: Vec<_> = loops.iter().map(|(thread, _)| thread.handle().stats()).collect();
            let sessions: u64 = stats.iter().map(|stats| stats.connections).sum();
            let bytes: u64 = stats.iter().map(|stats| stats.bytes_read).sum();
            eprintln!("{sessions} sessions, {:.1} MiB/s", (bytes - bytes_before) as f64 / MIB);
            bytes_before = bytes;
        }
    }
    Ok(tally)
}

fn main() {
    let Some(plan) = parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        exit(2);
    };
    let tally = run(plan).unwrap_or_else(|error| {
        eprintln!("pingpong: {error}");
        exit(1);
    });
    let (blocks, seconds) = (tally.blocks(), tally.elapsed.as_secs_f64());
    let mib = blocks as f64 * plan.block_bytes as f64 / MIB;
    let (mib_rate, block_rate) = (mib / seconds, blocks as f64 / seconds);
    eprintln!("{blocks} blocks, {block_rate:.0} a second, {mib_rate:.1} MiB/s each way");
    let [half, most, all] = [50, 99, 100].map(|percent| tally.percentile(percent));
    eprintln!("latency: p50 {half:?}, p99 {most:?}, max {all:?}");
}
