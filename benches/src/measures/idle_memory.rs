//! What memory of its process an idle connection costs a server, beside tokio.

use crate::contender::Contender;
use crate::crowd;
use crate::echo::bouncers::Bouncers;
use crate::measures::Plan;
use crate::measures::row::{Row, Wanted};
use crate::process_memory::anonymous_bytes;
use std::io;

/// What each connection has carried before it is idle again: more than any server reads into one
/// small buffer.
const BLOCK_BYTES: usize = 16 * 1024;
/// Of the reactor. muduo's two buffers alone have 2064.
const WANTED: Wanted = Wanted::Figure(512.0);

/// Bytes of memory a connection.
struct Memory {
    never_used: f64,
    used: f64,
}

pub(super) fn run(plan: Plan) -> io::Result<Vec<Row>> {
    let connections = crowd::size_allowed(plan.scale.pick(16_000, 200));
    let row = |when| {
        let what = format!("{connections} idle connections, {when}: memory of each");
        Row::new(what, "bytes", "tokio", WANTED)
    };
    let mut never_used = row("never used");
    let mut used = row("after a block of 16 KiB");
    for _ in plan.rounds("idle-memory") {
        let reactor = measure(&plan.server("reactor-echo")?, connections)?;
        let tokio = measure(&plan.server("tokio-echo")?, connections)?;
        never_used.push(reactor.never_used, tokio.never_used);
        used.push(reactor.used, tokio.used);
    }
    Ok(vec![never_used, used])
}

fn measure(server: &Contender, connections: usize) -> io::Result<Memory> {
    let before = anonymous_bytes(server.pid())?;
    let of_each = || {
        let more = anonymous_bytes(server.pid())?.saturating_sub(before);
        Ok::<_, io::Error>(more as f64 / connections as f64)
    };
    let crowd = crowd::connect_to_echo(server.address, connections)?;
    let never_used = of_each()?;
    let mut bouncers = Bouncers::over(crowd, BLOCK_BYTES)?;
    // One block on each, all under way at the same time.
    bouncers.play_once()?;
    Ok(Memory { never_used, used: of_each()? })
}
