//! The least that a fan-out takes: the same object to as many connections, by a loop that does
//! nothing but read it once and write it to each, on the same processor and for the same load.

use super::bench::{Bench, Title};
use super::drive::{Act, Until, drive, forget};
use super::gauge::Gauge;
use super::net::{Net, Role, Waiting};
use super::recorder::Recorder;
use super::report::PhaseReport;
use crate::arguments::program;
use crate::contender::Contender;
use crate::tally::Tally;
use chatproto::{ChatObject, GroupId, UserId};
use std::io;
use std::time::{Duration, Instant};

const TITLE: Title = Title { name: "writes alone", unit: "deliveries", timed: &["until received"] };
/// Connections of which none is turned away while they are all made at once.
pub(super) const CONNECTIONS_MAX: usize = 4000;

/// Measures it with `connections`, of which one speaks, one message at a time.
pub(super) fn measure(
    bench: &Bench<'_>,
    connections: usize,
    waiting: Waiting,
) -> io::Result<PhaseReport> {
    let common = bench.common;
    let server = Contender::bare_hub(&program(None, "bare-echo")?, bench.server_cpu)?;
    let gauge = Gauge::new(&[server.address], &[])?;
    let mut net = Net::new(connections)?;
    net.set_waiting(waiting);
    for who in 0..connections {
        net.open(who, server.address)?;
    }
    let mut hub = Hub::new(connections, common.bytes.into());
    hub.say(&mut net, Instant::now());
    let warm_up = Duration::from_secs_f64(common.warm_up);
    drive(&mut net, &mut hub, None, &Until::Passed(warm_up))?;
    forget(&mut hub);
    let every = Duration::from_secs_f64(common.every);
    let mut recorder = Recorder::start(&gauge, every, TITLE.unit, TITLE.timed)?;
    drive(&mut net, &mut hub, Some(&mut recorder), &Until::Passed(common.counted()))?;
    Ok(recorder.finish(TITLE.name, Vec::new()))
}

/// All connections. The last one speaks: when it is heard, all before it are accepted.
struct Hub {
    connections: usize,
    /// What is said, with its newline.
    line: Vec<u8>,
    said_at: Instant,
    /// Deliveries of what was said last that have not come.
    missing: usize,
    tally: Tally,
}

impl Hub {
    fn new(connections: usize, bytes: usize) -> Self {
        let (user, group, text) = (UserId(1), GroupId(1), ".".repeat(bytes));
        let object = ChatObject::group(user, "bench-1-1", group, &text, "2026-01-02 03:04:05");
        let mut line = Vec::new();
        object.write_plain(&mut line);
        Self { connections, line, said_at: Instant::now(), missing: 0, tally: Tally::new() }
    }

    fn say(&mut self, net: &mut Net, now: Instant) {
        net.say(self.connections - 1, |out| out.extend_from_slice(&self.line));
        self.said_at = now;
        self.missing = self.connections - 1;
    }
}

impl Role for Hub {
    fn hear(&mut self, _: &mut Net, who: usize, line: &[u8], now: Instant) -> io::Result<()> {
        let expected = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        if line != expected || self.missing == 0 {
            let line = String::from_utf8_lossy(line);
            return Err(io::Error::other(format!(
                "connection {who} heard what nobody said: {line}"
            )));
        }
        self.missing -= 1;
        self.tally.count(now.saturating_duration_since(self.said_at));
        Ok(())
    }

    fn respond(&mut self, net: &mut Net, _: usize, now: Instant) -> io::Result<()> {
        if self.missing == 0 {
            self.say(net, now);
        }
        Ok(())
    }
}

impl Act for Hub {
    fn tick(&mut self, _: &mut Net, now: Instant) -> io::Result<Option<Instant>> {
        if now.saturating_duration_since(self.said_at) > Duration::from_secs(10) {
            return Err(self.complain());
        }
        Ok(None)
    }

    fn tallies(&mut self) -> Vec<&mut Tally> {
        vec![&mut self.tally]
    }

    fn present(&self) -> usize {
        self.connections
    }

    fn complain(&self) -> io::Error {
        io::Error::other(format!("{} deliveries of the bare loop did not come", self.missing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bare_epoll::{Recipients, start_for};

    #[test]
    fn every_delivery_is_counted() {
        let address = start_for(Recipients::Others);
        let mut net = Net::new(3).unwrap();
        (0..3).for_each(|who| net.open(who, address).unwrap());
        let mut hub = Hub::new(3, 64);
        hub.say(&mut net, Instant::now());
        drive(&mut net, &mut hub, None, &Until::Passed(Duration::from_millis(50))).unwrap();
        assert!(hub.tally.messages >= 2, "{}", hub.tally.messages);
        assert_eq!(hub.tally.messages % 2, u64::from(hub.missing == 1));
    }
}
