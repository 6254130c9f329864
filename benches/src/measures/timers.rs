//! What a timer costs that is cancelled, as most are, or fires; beside a sorted map and tokio.

mod queues;

use crate::measures::Plan;
use crate::measures::row::{Row, Wanted};
use crate::processor_time;
use queues::{SortedMap, Timers, TokioTimers};
use reactor::TimerQueue;
use std::io;
use std::time::{Duration, Instant};

/// When timers are due, so that all are armed before the first one is.
const FIRST: Duration = Duration::from_secs(2);
/// They fall due within this time.
const SPAN: Duration = Duration::from_secs(1);

/// Of 2 to the 64, to scatter numbers.
const GOLDEN_RATIO: u64 = 0x9e37_79b9_7f4a_7c15;

/// In which order the deadlines come.
#[derive(Clone, Copy)]
enum Order {
    /// As timers of one and the same delay do.
    Rising,
    Scattered,
}

/// Nanoseconds of CPU a timer.
struct Cost {
    cancelled: f64,
    fired: f64,
}

pub(super) fn run(plan: Plan) -> io::Result<Vec<Row>> {
    let count = plan.scale.pick(1_000_000, 2_000);
    let row = |name: &str, end: &str, beside| {
        let what = format!("{count} timers, deadlines {name}, added and {end}: CPU of each");
        Row::new(what, "ns", beside, Wanted::Nothing)
    };
    let orders = [(Order::Rising, "rising"), (Order::Scattered, "scattered")];
    let mut rows = Vec::new();
    for (_, name) in orders {
        for end in ["cancelled", "fired"] {
            rows.extend(["a BTreeMap", "tokio"].map(|beside| row(name, end, beside)));
        }
    }
    for _ in plan.rounds("timers") {
        for (&(order, _), rows) in orders.iter().zip(rows.chunks_mut(4)) {
            let reactor = measure::<TimerQueue<u64>>(order, count)?;
            let map = measure::<SortedMap>(order, count)?;
            let tokio = measure::<TokioTimers>(order, count)?;
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

fn measure<T: Timers>(order: Order, count: u64) -> io::Result<Cost> {
    let mut timers = T::default();
    let before = processor_time::own();
    let ids = add_all(&mut timers, Instant::now(), order, count);
    for id in ids {
        timers.cancel(id);
    }
    let cancelled = processor_time::own() - before;
    let start = Instant::now();
    let ids = add_all(&mut timers, start, order, count);
    let fired = timers.fire(start + FIRST, SPAN);
    let spent = processor_time::own() - before - cancelled;
    drop(ids);
    if fired != count {
        return Err(io::Error::other(format!("{fired} of {count} timers fired")));
    }
    let each = |time: Duration| time.as_nanos() as f64 / count as f64;
    Ok(Cost { cancelled: each(cancelled), fired: each(spent) })
}

fn add_all<T: Timers>(timers: &mut T, start: Instant, order: Order, count: u64) -> Vec<T::Id> {
    let step = SPAN.as_nanos() as u64 / count;
    let deadline_of = |number: u64| {
        let place = match order {
            Order::Rising => number,
            Order::Scattered => number.wrapping_mul(GOLDEN_RATIO) % count,
        };
        start + FIRST + Duration::from_nanos(place * step)
    };
    (0..count).map(|number| timers.add(number, deadline_of(number))).collect()
}
