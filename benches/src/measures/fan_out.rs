//! What it costs to send one message to many connections of two loops, beside two threads that do
//! nothing but write.

mod bare_hub;
mod hub;

use crate::audience::Audience;
use crate::crowd;
use crate::measures::Plan;
use crate::measures::row::{Row, Wanted};
use crate::measures::spent::Spent;
use crate::processor_time;
use bare_hub::BareHub;
use hub::Hub;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Loops, and threads of the bare one.
const LOOPS: usize = 2;
/// One that is copied to the queue of each connection, and one that is shared by all.
const BYTES: [usize; 2] = [128, 4096];

/// Sends to all that are connected to it.
trait Announcer: Sized {
    fn start() -> io::Result<Self>;

    fn address(&self) -> io::Result<SocketAddr>;

    /// Waits until so many connections are taken in.
    fn wait_for(&mut self, connections: usize) -> io::Result<()>;

    fn announce(&self, message: &[u8]) -> io::Result<()>;

    /// Posts from thread to thread so far.
    fn posts(&self) -> u64;
}

/// Of a delivery, and of a message.
struct Cost {
    wall: f64,
    cpu: f64,
    posts: f64,
}

pub(super) fn run(plan: Plan) -> io::Result<Vec<Row>> {
    let connections = crowd::size_allowed(plan.scale.pick(10_000, 100));
    let messages = plan.scale.pick(50, 3);
    let mut rows = Vec::new();
    for bytes in BYTES {
        let what =
            |figure| format!("{bytes} bytes to {connections} connections, {LOOPS} loops: {figure}");
        let bare = "bare writes";
        rows.push(Row::new(what("time of a delivery"), "ns", bare, Wanted::Nothing));
        rows.push(Row::new(what("CPU of a delivery"), "ns", bare, Wanted::Ratio(1.25)));
        let wanted = Wanted::Figure(LOOPS as f64);
        rows.push(Row::new(what("posts of a message"), "posts", bare, wanted));
    }
    for _ in plan.rounds("fan-out") {
        for (bytes, rows) in BYTES.into_iter().zip(rows.chunks_mut(3)) {
            let reactor = measure::<Hub>(connections, messages, bytes)?;
            let bare = measure::<BareHub>(connections, messages, bytes)?;
            rows[0].push(reactor.wall, bare.wall);
            rows[1].push(reactor.cpu, bare.cpu);
            rows[2].push(reactor.posts, bare.posts);
        }
    }
    Ok(rows)
}

fn measure<A: Announcer>(connections: usize, messages: usize, bytes: usize) -> io::Result<Cost> {
    let mut announcer = A::start()?;
    let mut audience = Audience::start(announcer.address()?, connections, bytes)?;
    announcer.wait_for(connections)?;
    audience.wait_connected()?;
    let message = vec![b'x'; bytes];
    // The first one makes room in queues and buffers.
    announcer.announce(&message)?;
    audience.wait_received()?;
    let posts_before = announcer.posts();
    let announce_all = || {
        (0..messages).try_for_each(|_| {
            announcer.announce(&message)?;
            audience.wait_received()
        })
    };
    let ((), spent) = Spent::by(|| Ok(processor_time::own()), announce_all)?;
    let posts = (announcer.posts() - posts_before) as f64 / messages as f64;
    let of_delivery = |time: Duration| time.as_nanos() as f64 / (messages * connections) as f64;
    Ok(Cost { wall: of_delivery(spent.wall), cpu: of_delivery(spent.cpu), posts })
}
