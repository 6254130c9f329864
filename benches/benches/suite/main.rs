//! The benches of the parts, by criterion. `cargo bench -p benches -- codec` runs one group.

mod buffer;
mod chat_server;
mod codec;
mod tcp_server;
mod timer_queue;

use benches::affinity::{pin_thread, two_processors};
use criterion::Criterion;
use reactor::{EventLoop, EventLoopThread};
use std::sync::mpsc;
use std::time::Duration;

fn main() {
    // Where the scheduler puts servers and clients would decide the figures.
    let (server_cpu, bench_cpu) = two_processors().expect("the system tells");
    pin_thread(bench_cpu).expect("it is allowed");
    // Short, so that the whole suite takes a minute or so: enough to see a change of a tenth.
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1200))
        .configure_from_args();
    buffer::bench(&mut criterion);
    timer_queue::bench(&mut criterion);
    codec::bench(&mut criterion);
    tcp_server::bench(&mut criterion, server_cpu);
    chat_server::bench(&mut criterion, server_cpu);
    criterion.final_summary();
}

/// A server made by `start` on a loop of its own, and that loop's thread; both, and what threads
/// the server starts, stay on processor `cpu`.
fn serve<S: Send + 'static>(
    cpu: usize,
    start: impl FnOnce(&mut EventLoop) -> S + Send + 'static,
) -> (S, EventLoopThread) {
    let (sender, receiver) = mpsc::channel();
    let loop_thread = EventLoopThread::start("server", move |event_loop| {
        pin_thread(cpu).expect("it is allowed");
        // Whoever starts this thread waits for the server.
        let _waiting = sender.send(start(event_loop));
    });
    let server = receiver.recv().expect("the thread makes the server or says why not");
    (server, loop_thread.expect("a thread can be started"))
}
