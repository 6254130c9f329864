//! What a timer costs that is cancelled, as most are, or fires; beside a sorted map and tokio.

mod queues;

use crate::measures::Plan;
use crate::measures::row::{Row, Wanted};
use crate::processor_time;
use queues::{SortedMap, Timers, TokioTimers};
use reactor::TimerQueue;
use std::io;
use std::time::{Duration, Instant};

/// Of 2 to the 64, to scatter numbers.
const GOLDEN_RATIO: u64 = 0x9e37_79b9_7f4a_7c15;

/// In which order the deadlines come.
#[derive(Clone, Copy)]
enum Order {
    /// As timers of one and the same delay do.
    Rising,
    Scattered,
}

#[derive(Clone, Copy)]
struct Deadlines {
    count: u64,
    /// How long the timers take to fall due one after the other; as long is the time before, in
    /// which they are added.
    span: Duration,
    order: Order,
}

/// Nanoseconds of CPU a timer.
struct Cost {
    cancelled: f64,
    fired: f64,
}

pub(super) fn run(plan: Plan) -> io::Result<Vec<Row>> {
    let count = plan.scale.pick(1_000_000, 2_000);
    let span = Duration::from_millis(plan.scale.pick(1_500, 20));
    let row = |name: &str, end: &str, beside, wanted| {
        let what = format!("{count} timers, deadlines {name}, added and {end}: CPU of each");
        Row::new(what, "ns", beside, wanted)
    };
    let orders = [(Order::Rising, "rising"), (Order::Scattered, "scattered")];
    let mut rows = Vec::new();
    for (_, name) in orders {
        for (end, wanted) in [("cancelled", Wanted::Ratio(1.0)), ("fired", Wanted::Nothing)] {
            rows.extend(["a BTreeMap", "tokio"].map(|beside| row(name, end, beside, wanted)));
        }
    }
    for _ in plan.rounds("timers") {
        for (&(order, _), rows) in orders.iter().zip(rows.chunks_mut(4)) {
            let deadlines = Deadlines { count, span, order };
            let reactor = measure::<TimerQueue<u64>>(deadlines)?;
            let map = measure::<SortedMap>(deadlines)?;
            let tokio = measure::<TokioTimers>(deadlines)?;
            for (row, other) in rows.iter_mut().zip([map.cancelled, tokio.cancelled]) {
                row.push(reactor.cancelled, other);
            }
            for (row, other) in rows[2..].iter_mut().zip([map.fired, tokio.fired]) {
                row.push(reactor.fired, other);
            }
        }
    }
    Ok(rows)
}

fn measure<T: Timers>(deadlines: Deadlines) -> io::Result<Cost> {
    let Deadlines { count, span, .. } = deadlines;
    let mut timers = T::default();
    let before = processor_time::own();
    for id in add_all(&mut timers, Instant::now() + span, deadlines) {
        timers.cancel(id);
    }
    let cancelled = processor_time::own() - before;
    let first = Instant::now() + span;
    let ids = add_all(&mut timers, first, deadlines);
    let fired = timers.fire(first, span);
    let added_and_fired = processor_time::own() - before - cancelled;
    drop(ids);
    if fired != count {
        return Err(io::Error::other(format!("{fired} of {count} timers fired")));
    }
    let each = |time: Duration| time.as_nanos() as f64 / count as f64;
    Ok(Cost { cancelled: each(cancelled), fired: each(added_and_fired) })
}

fn add_all<T: Timers>(timers: &mut T, first: Instant, deadlines: Deadlines) -> Vec<T::Id> {
    let Deadlines { count, span, order } = deadlines;
    let step = span.as_nanos() as u64 / count;
    let deadline_of = |number: u64| {
        let place = match order {
            Order::Rising => number,
            Order::Scattered => number.wrapping_mul(GOLDEN_RATIO) % count,
        };
        first + Duration::from_nanos(place * step)
    };
    (0..count).map(|number| timers.add(number, deadline_of(number))).collect()
}
