//! Timers while many others wait, as those of idle connections do.

use criterion::{BatchSize, Criterion, Throughput};
use reactor::TimerQueue;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// A busy server's connections, with a timer each.
const WAITING: u64 = 10_000;
/// Timers that fall due together.
const DUE: u64 = 1_000;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("timer_queue");
    let start = Instant::now();
    group.bench_function("add_cancel", |b| {
        let mut timers = waiting(start);
        let mut next = WAITING;
        b.iter(|| {
            let deadline = start + delay_of(next);
            let timer = timers.add(next, deadline, None, next);
            next += 1;
            black_box(timers.cancel(timer))
        });
    });
    group.throughput(Throughput::Elements(DUE));
    group.bench_function("expire", |b| {
        let soon = start + Duration::from_millis(1);
        let with_due = || {
            let mut timers = waiting(start);
            for number in WAITING..WAITING + DUE {
                timers.add(number, soon, None, number);
            }
            timers
        };
        b.iter_batched_ref(
            with_due,
            |timers| {
                timers.expire(soon);
                while let Some(due) = timers.take_due() {
                    black_box(due);
                }
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn waiting(start: Instant) -> TimerQueue<u64> {
    let mut timers = TimerQueue::new();
    for number in 0..WAITING {
        timers.add(number, start + delay_of(number), None, number);
    }
    timers
}

/// Ten seconds to twenty, scattered: a multiplicative hash of the number.
fn delay_of(number: u64) -> Duration {
    let scattered = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    Duration::from_secs(10) + Duration::from_nanos(scattered % 10_000_000_000)
}
