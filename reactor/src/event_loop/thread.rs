//! A thread that runs a loop.

use crate::error::{Error, Result};
use crate::event_loop::EventLoop;
use crate::event_loop::handle::LoopHandle;
use std::io;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

/// A thread with an [`EventLoop`]; quit and joined when dropped.
///
/// ```
/// use reactor::EventLoopThread;
/// use std::sync::mpsc;
///
/// let thread = EventLoopThread::start("worker", |_event_loop| {})?;
/// let (sender, receiver) = mpsc::channel();
/// thread.handle().run_in_loop(move |_event_loop| sender.send(6 * 7).unwrap());
/// assert_eq!(receiver.recv(), Ok(42));
/// # Ok::<(), reactor::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "the thread ends when this is dropped"]
pub struct EventLoopThread {
    handle: LoopHandle,
    thread: Option<JoinHandle<()>>,
}

impl EventLoopThread {
    /// Starts a thread, makes a loop on it, calls `init` with the loop, and returns when all
    /// that is done and the loop is about to run. Of `name`, Linux shows the first 15 bytes.
    ///
    /// # Errors
    /// If the thread or the loop cannot be made, or `init` panics.
    pub fn start(name: &str, init: impl FnOnce(&mut EventLoop) + Send + 'static) -> Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || run_loop(init, &sender))
            .map_err(|error| Error::new("start thread", name, error))?;
        match receiver.recv() {
            Ok(Ok(handle)) => Ok(Self { handle, thread: Some(thread) }),
            Ok(Err(error)) => Err(error),
            Err(mpsc::RecvError) => {
                Err(Error::new("start thread", name, io::Error::other("its init panicked")))
            }
        }
    }

    /// The remote of the thread's loop.
    pub fn handle(&self) -> &LoopHandle {
        &self.handle
    }
}

fn run_loop(init: impl FnOnce(&mut EventLoop), started: &mpsc::Sender<Result<LoopHandle>>) {
    let mut event_loop = match EventLoop::new() {
        Ok(event_loop) => event_loop,
        Err(error) => {
            // Whoever started this thread waits for the answer.
            let _waiting = started.send(Err(error));
            return;
        }
    };
    init(&mut event_loop);
    let _waiting = started.send(Ok(event_loop.handle()));
    if let Err(error) = event_loop.run() {
        log::error!("event loop ended: {error}");
    }
}

impl Drop for EventLoopThread {
    fn drop(&mut self) {
        self.handle.quit();
        if let Some(thread) = self.thread.take()
            && !self.handle.is_in_loop_thread()
            && thread.join().is_err()
        {
            log::error!("an event loop thread panicked");
        }
    }
}
