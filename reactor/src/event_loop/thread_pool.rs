//! The sub loops of a server.

use crate::error::Result;
use crate::event_loop::EventLoop;
use crate::event_loop::handle::LoopHandle;
use crate::event_loop::thread::EventLoopThread;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Some threads with a loop each, named `name0`, `name1`, ...; quit and joined when dropped.
///
/// With no threads, the base loop stands in for the one sub loop.
#[derive(Debug)]
#[must_use = "the threads end when this is dropped"]
pub struct EventLoopThreadPool {
    handles: Vec<LoopHandle>,
    next: AtomicUsize,
    threads: Vec<EventLoopThread>,
}

impl EventLoopThreadPool {
    /// Starts `threads` threads and calls `init` with each loop and its index on its thread; with 0
    /// threads, calls it with `base`. Returns when all of that is done.
    ///
    /// # Errors
    /// If a thread or a loop cannot be made, or `init` panics; those already made are ended.
    pub fn start(
        base: &mut EventLoop,
        name: &str,
        threads: usize,
        init: impl Fn(&mut EventLoop, usize) + Send + Sync + 'static,
    ) -> Result<Self> {
        if threads == 0 {
            init(base, 0);
            let handles = vec![base.handle()];
            return Ok(Self { handles, next: AtomicUsize::new(0), threads: Vec::new() });
        }
        let init = Arc::new(init);
        let threads = (0..threads)
            .map(|index| {
                let init = init.clone();
                EventLoopThread::start(&format!("{name}{index}"), move |event_loop| {
                    init(event_loop, index);
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let handles = threads.iter().map(|thread| thread.handle().clone()).collect();
        Ok(Self { handles, next: AtomicUsize::new(0), threads })
    }

    /// Any thread. The loops in turn.
    pub fn next_loop(&self) -> &LoopHandle {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        &self.handles[next % self.handles.len()]
    }

    /// Any thread. Always the same loop for the same hash.
    pub fn get_loop_for_hash(&self, hash: u64) -> &LoopHandle {
        &self.handles[(hash % self.handles.len() as u64) as usize]
    }

    /// All loops; the base loop if there are no threads.
    pub fn loops(&self) -> &[LoopHandle] {
        &self.handles
    }

    /// Quits all loops and waits for their threads to end.
    pub fn join(&mut self) {
        for thread in &self.threads {
            thread.handle().quit();
        }
        self.threads.clear();
    }

    /// How many threads there are.
    pub fn threads(&self) -> usize {
        self.threads.len()
    }
}
