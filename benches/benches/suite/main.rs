//! The benches of the parts, by criterion. `cargo bench -p benches -- codec` runs one group.

mod buffer;
mod chat_server;
mod codec;
mod tcp_server;
mod timer_queue;

use criterion::Criterion;
use std::time::Duration;

fn main() {
    // Short, so that the whole suite takes a minute or so: enough to see a change of a tenth.
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1200))
        .configure_from_args();
    buffer::bench(&mut criterion);
    timer_queue::bench(&mut criterion);
    codec::bench(&mut criterion);
    tcp_server::bench(&mut criterion);
    chat_server::bench(&mut criterion);
    criterion.final_summary();
}
