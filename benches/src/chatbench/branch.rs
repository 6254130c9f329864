//! A process of its own with a part of the clients, for more of them than one process has descriptors.

use super::bench::settle;
use super::drive::{Act, Until, drive, forget};
use super::net::Net;
use super::person::Person;
use super::scenario::pairs::add_pairs;
use super::talk::{Counted, Manner, Next, Talk, window};
use crate::accounts::Style;
use crate::player::Play;
use crate::tally::Tally;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The hidden command that makes a process a branch.
pub(super) const COMMAND: &str = "branch";

/// What a branch does; the first line that it reads.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Plan {
    /// Ids, names and servers.
    pub(super) people: Vec<(i64, String, SocketAddr)>,
    pub(super) ack: bool,
    pub(super) bytes: usize,
    /// The number of the first message.
    pub(super) first: u64,
    /// Logins under way at a time.
    pub(super) logins: usize,
    /// So many clients talk when they are told to, at so many messages a second.
    pub(super) talking: usize,
    pub(super) rate: f64,
    /// Seconds between two statuses.
    pub(super) every: f64,
}

/// The lines that it reads then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Command {
    Talk,
    /// Wait until all is settled, and end.
    Settle,
}

/// The lines that it writes.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Told {
    Status { present: usize, absent: u64, logins: Counts, messages: Counts },
    Settled,
}

/// Latencies since the last status: nanoseconds, and how often.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Counts(Vec<(u64, u64)>);

impl Counts {
    fn take(tally: &mut Tally) -> Self {
        let recorded = tally.latency.iter_recorded();
        let counts = recorded.map(|it| (it.value_iterated_to(), it.count_since_last_iteration()));
        Self(counts.collect())
    }

    /// Counts them there as well.
    pub(super) fn add_to(&self, tally: &mut Tally) {
        for (nanos, count) in &self.0 {
            tally.messages += count;
            tally.latency.saturating_record_n(*nanos, *count);
        }
    }
}

/// The process, as the one that started it has it; killed when dropped.
pub(super) struct Branch {
    child: Child,
    input: ChildStdin,
}

impl Branch {
    /// Starts branch `number`; what it tells goes to `told`, at last that it has ended.
    pub(super) fn start(
        number: usize,
        plan: &Plan,
        told: Sender<(usize, io::Result<Told>)>,
    ) -> io::Result<Self> {
        let mut command = std::process::Command::new(std::env::current_exe()?);
        command.arg(COMMAND).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("a process of the load has no input or output"));
        };
        let mut branch = Self { child, input };
        write_line(&mut branch.input, plan)?;
        thread::spawn(move || {
            let mut output = BufReader::new(output);
            loop {
                let line = read_line(&mut output);
                let is_last = !matches!(line, Ok(Told::Status { .. }));
                // Nobody listens any more when the run is over.
                if told.send((number, line)).is_err() || is_last {
                    return;
                }
            }
        });
        Ok(branch)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn command(&mut self, command: Command) -> io::Result<()> {
        write_line(&mut self.input, &command)
    }
}

impl Drop for Branch {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// What a branch does, from its plan on standard input to its end.
pub(super) fn run() -> io::Result<()> {
    let mut input = BufReader::new(io::stdin());
    let plan: Plan = read_line(&mut input)?;
    let commands = listen(input);
    let count = plan.people.len();
    crate::crowd::size_allowed(count);
    let mut talk = plan.talk();
    let mut net = Net::new(count)?;
    talk.arrive(&mut net, 0..count, plan.logins)?;
    loop {
        let every = Duration::from_secs_f64(plan.every.min(0.1));
        drive(&mut net, &mut talk, None, &Until::Passed(every))?;
        let told = Told::Status {
            present: talk.present(),
            absent: talk.absent(),
            logins: Counts::take(&mut talk.counts.logins),
            messages: Counts::take(&mut talk.counts.deliveries),
        };
        forget(&mut talk);
        talk.counts.logins = Tally::new();
        write_line(&mut io::stdout(), &told)?;
        match commands.try_recv() {
            Ok(Command::Talk) => {
                let now = Instant::now();
                talk.schedule(plan.rate, now);
                talk.set_play(&mut net, Play::On, now);
            }
            Ok(Command::Settle) => break,
            Err(TryRecvError::Empty) => {}
            // Whoever started this has ended.
            Err(TryRecvError::Disconnected) => return Ok(()),
        }
    }
    talk.stop(&mut net, Instant::now());
    settle(&mut net, &mut talk)?;
    write_line(&mut io::stdout(), &Told::Settled)
}

impl Plan {
    fn talk(&self) -> Talk {
        let person = |(id, name, server): &(i64, String, SocketAddr)| {
            (Person { id: *id, name: name.clone(), token: None }, *server)
        };
        let manner = Manner {
            style: if self.ack { Style::Acknowledged } else { Style::Original },
            next: Next::Schedule,
            window: window(self.talking, 1),
            first: self.first,
            counted: Counted::Receipts,
            bytes: self.bytes,
        };
        let mut talk = Talk::new(self.people.iter().map(person).collect(), manner);
        add_pairs(&mut talk, 0..self.talking);
        talk
    }
}

/// The commands that come, until the end of the input.
fn listen(mut input: impl BufRead + Send + 'static) -> Receiver<Command> {
    let (sender, commands) = channel();
    thread::spawn(move || {
        while let Ok(command) = read_line(&mut input) {
            if sender.send(command).is_err() {
                return;
            }
        }
    });
    commands
}

fn write_line(out: &mut impl Write, what: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(what).map_err(io::Error::other)?;
    line.push(b'\n');
    out.write_all(&line)?;
    out.flush()
}

fn read_line<T: DeserializeOwned>(input: &mut impl BufRead) -> io::Result<T> {
    let mut line = String::new();
    if input.read_line(&mut line)? == 0 {
        return Err(io::Error::other("a process of the load has ended"));
    }
    serde_json::from_str(&line).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_latencies_arrive() {
        let mut tally = Tally::new();
        for micros in [10, 10, 500] {
            tally.count(Duration::from_micros(micros));
        }
        let told = Told::Status {
            present: 3,
            absent: 1,
            logins: Counts::default(),
            messages: Counts::take(&mut tally),
        };
        let mut line = Vec::new();
        write_line(&mut line, &told).unwrap();
        let mut input = line.as_slice();
        let Told::Status { present: 3, absent: 1, messages, .. } = read_line(&mut input).unwrap()
        else {
            panic!("{line:?}")
        };
        let mut sum = Tally::new();
        messages.add_to(&mut sum);
        assert_eq!((sum.messages, sum.latency_at(0.5)), (3, tally.latency_at(0.5)));
        assert!(read_line::<Command>(&mut input).unwrap_err().to_string().contains("ended"));
    }
}
