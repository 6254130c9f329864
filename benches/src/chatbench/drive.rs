//! The loop that keeps a role going for a while, or until something is done.

use super::interrupt;
use super::net::{Net, Role};
use super::recorder::Recorder;
use crate::tally::Tally;
use std::io;
use std::time::{Duration, Instant};

/// What is awaited must make some progress within this time; a login waits for all before it.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// How often it is told how much is left.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked at whether something is done, at least.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A role with a will of its own.
pub(super) trait Act: Role {
    /// Does what is due; returns when there will be more.
    fn tick(&mut self, net: &mut Net, now: Instant) -> io::Result<Option<Instant>>;

    /// What is counted, then what else is timed.
    fn tallies(&mut self) -> Vec<&mut Tally>;

    /// Clients that are logged in.
    fn present(&self) -> usize;

    /// Why something is not done that should be.
    fn complain(&self) -> io::Error;
}

/// How long to go on.
pub(super) enum Until<A> {
    Passed(Duration),
    /// Until the function returns 0, which must change again and again.
    Done(fn(&A) -> u64),
}

/// Keeps `act` going; what is counted is sampled by `recorder`, the rest of it at the end.
pub(super) fn drive<A: Act>(
    net: &mut Net,
    act: &mut A,
    mut recorder: Option<&mut Recorder<'_>>,
    until: &Until<A>,
) -> io::Result<()> {
    let start = Instant::now();
    if let (Until::Passed(duration), Some(recorder)) = (until, &mut recorder) {
        recorder.end_at(start + *duration);
    }
    let (mut left_before, mut changed_at, mut told_at) = (u64::MAX, start, start);
    loop {
        interrupt::check()?;
        let now = Instant::now();
        let mut next = now + LOOK_EVERY;
        match until {
            Until::Passed(duration) if now >= start + *duration => break,
            Until::Passed(duration) => next = start + *duration,
            Until::Done(left) => {
                let left = left(act);
                if left == 0 {
                    break;
                }
                if left != left_before {
                    (left_before, changed_at) = (left, now);
                } else if now - changed_at > SILENCE_MAX {
                    return Err(act.complain());
                }
                if recorder.is_none() && now - told_at >= TELL_EVERY {
                    told_at = now;
                    eprintln!("  {left} to go");
                }
            }
        }
        if let Some(due) = act.tick(net, now)? {
            next = next.min(due);
        }
        if let Some(recorder) = &mut recorder {
            if recorder.next_due() <= now {
                let present = act.present();
                recorder.sample(&mut act.tallies(), present)?;
            }
            next = next.min(recorder.next_due());
        }
        net.turn(next.saturating_duration_since(Instant::now()), act)?;
    }
    if let Some(recorder) = recorder {
        let present = act.present();
        recorder.sample(&mut act.tallies(), present)?;
    }
    Ok(())
}

/// Forgets what was counted so far.
pub(super) fn forget(act: &mut impl Act) {
    for tally in act.tallies() {
        tally.messages = 0;
        tally.latency.reset();
    }
}
