//! One turn of one contender: its load plays a while, and what happens is measured.

use crate::processor_time;
use crate::round::{Cost, Round};
use crate::tally::Tally;
use std::io;
use std::time::Duration;

/// How long a turn is.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// The counted time.
    pub counted: Duration,
    /// The time before it that is not counted.
    pub warm_up: Duration,
}

/// One of the processes that serve together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    /// What it is called in the report.
    pub(crate) name: &'static str,
    pub(crate) pid: u32,
}

/// What keeps servers busy.
pub(crate) trait Traffic {
    /// Plays for `duration` and counts what arrives.
    fn play(&mut self, duration: Duration, tally: &mut Tally) -> io::Result<()>;

    /// Waits for what is still under way.
    fn settle(&mut self) -> io::Result<()>;
}

/// Lets `load` play, and what is still under way arrive; `name` is who is measured.
pub(crate) fn take_turn(
    name: &str,
    members: &[Member],
    load: &mut impl Traffic,
    timing: Timing,
) -> io::Result<Round> {
    load.play(timing.warm_up, &mut Tally::new())?;
    let mut tally = Tally::new();
    let servers_before = processor_times(members)?;
    let load_before = processor_time::own();
    load.play(timing.counted, &mut tally)?;
    let load_time = processor_time::own().saturating_sub(load_before);
    let servers_after = processor_times(members)?;
    load.settle()?;
    if tally.messages == 0 {
        return Err(io::Error::other(format!("{name} relayed nothing")));
    }
    let spent = servers_after.into_iter().zip(servers_before);
    let spent: Vec<_> = spent.map(|(after, before)| after.saturating_sub(before)).collect();
    let each = |time: &Duration| time.as_secs_f64() * 1e6 / tally.messages as f64;
    let costs = members.iter().zip(&spent);
    Ok(Round {
        name: name.to_owned(),
        rate: tally.rate(),
        costs: costs.map(|(member, time)| Cost { process: member.name, us: each(time) }).collect(),
        server_share: spent.iter().sum::<Duration>().as_secs_f64() / tally.elapsed.as_secs_f64(),
        load_share: load_time.as_secs_f64() / tally.elapsed.as_secs_f64(),
        p50: tally.latency_at(0.5),
        p99: tally.latency_at(0.99),
        p999: tally.latency_at(0.999),
    })
}

fn processor_times(members: &[Member]) -> io::Result<Vec<Duration>> {
    members.iter().map(|member| processor_time::of_process(member.pid)).collect()
}
