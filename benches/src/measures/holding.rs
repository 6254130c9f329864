//! What it costs a server to have many connections opened and closed, beside the bare loop.

use crate::affinity::{pin_thread, unpin_thread};
use crate::contender::Contender;
use crate::crowd;
use crate::measures::Plan;
use crate::measures::row::{Row, Wanted};
use crate::measures::spent::Spent;
use crate::processor_time;
use std::io::{self, Read};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

pub(super) fn run(plan: Plan) -> io::Result<Vec<Row>> {
    let connections = crowd::size_allowed(plan.scale.pick(18_000, 200));
    let row = |figure, wanted| {
        let what = format!("{connections} connections {figure}");
        Row::new(what, "us", "bare epoll loop", wanted)
    };
    let mut wall = row("opened, held and closed: time of each", Wanted::Ratio(1.1));
    let mut cpu = row("opened, held and closed: CPU of each", Wanted::Nothing);
    let mut opening = row("opened: CPU of each", Wanted::Nothing);
    let mut closing = row("closed: CPU of each", Wanted::Nothing);
    let each = |time: Duration| time.as_secs_f64() * 1e6 / connections as f64;
    let before = pin_thread(plan.load_cpu)?;
    for _ in plan.rounds("holding") {
        let [reactor, bare] = [plan.server("reactor-echo")?, plan.server("bare-echo")?];
        let (opened, closed) = open_and_close(&reactor, connections)?;
        let (bare_opened, bare_closed) = open_and_close(&bare, connections)?;
        wall.push(each(opened.wall + closed.wall), each(bare_opened.wall + bare_closed.wall));
        cpu.push(each(opened.cpu + closed.cpu), each(bare_opened.cpu + bare_closed.cpu));
        opening.push(each(opened.cpu), each(bare_opened.cpu));
        closing.push(each(closed.cpu), each(bare_closed.cpu));
    }
    unpin_thread(&before)?;
    Ok(vec![wall, cpu, opening, closing])
}

fn open_and_close(server: &Contender, connections: usize) -> io::Result<(Spent, Spent)> {
    let computed = || processor_time::of_threads(server.pid());
    let connect = || crowd::connect_to_echo(server.address, connections);
    let (crowd, opened) = Spent::by(computed, connect)?;
    let ((), closed) = Spent::by(computed, || close(&crowd))?;
    Ok((opened, closed))
}

/// Says farewell on all, and waits for the server's on each.
fn close(crowd: &[TcpStream]) -> io::Result<()> {
    for stream in crowd {
        stream.shutdown(Shutdown::Write)?;
    }
    for mut stream in crowd {
        if stream.read(&mut [0])? > 0 {
            return Err(io::Error::other("more came back than was sent"));
        }
    }
    Ok(())
}
