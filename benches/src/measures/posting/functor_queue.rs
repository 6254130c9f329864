//! muduo's way to run something on a loop's thread: a vector under a mutex, and a write to an eventfd
//! for each functor that another thread queues.
//!
//! From `EventLoop::queueInLoop`, `wakeup`, `handleRead` and `doPendingFunctors`, with nothing else in
//! the loop.

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::OwnedFd;
use rustix::io::{Errno, read, write};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

type Functor = Box<dyn FnOnce() + Send>;

/// A thread that runs what is queued; ended and joined when dropped.
pub(super) struct FunctorQueue {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    pending: Mutex<Vec<Functor>>,
    wakeup: OwnedFd,
    epoll: OwnedFd,
    quit: AtomicBool,
}

impl FunctorQueue {
    pub(super) fn start() -> io::Result<Self> {
        let wakeup = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &wakeup, EventData::new_u64(0), EventFlags::IN)?;
        let quit = AtomicBool::new(false);
        let shared = Arc::new(Shared { pending: Mutex::default(), wakeup, epoll, quit });
        let of_thread = shared.clone();
        let thread = thread::Builder::new().spawn(move || of_thread.run())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(super) fn queue_in_loop(&self, functor: impl FnOnce() + Send + 'static) {
        let mut pending = self.shared.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.push(Box::new(functor));
        drop(pending);
        self.shared.wake_up();
    }
}

impl Shared {
    fn wake_up(&self) {
        // It fails only when the count is full, and then the loop is woken anyway.
        let _full = write(&self.wakeup, &1_u64.to_ne_bytes());
    }

    fn run(&self) {
        let mut events = Vec::with_capacity(16);
        while !self.quit.load(Ordering::Acquire) {
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Ok(0) | Err(Errno::INTR) => continue,
                Ok(_) => {}
                Err(error) => panic!("an epoll descriptor cannot be waited for: {error}"),
            }
            let _count = read(&self.wakeup, &mut [0; 8]);
            let functors = {
                let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
                std::mem::take(&mut *pending)
            };
            for functor in functors {
                functor();
            }
        }
    }
}

impl Drop for FunctorQueue {
    fn drop(&mut self) {
        self.shared.quit.store(true, Ordering::Release);
        self.shared.wake_up();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was told already.
            let _ended = thread.join();
        }
    }
}
