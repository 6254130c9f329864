//! A queue into one loop from any thread.

use crate::error::Closed;
use crate::event_loop::sync::{AtomicUsize, Mutex, Ordering};
use crate::event_loop::wake_signal::WakeSignal;
use std::sync::Arc;

/// Letters for a loop, in the order they were pushed.
///
/// The queue has no bound of its own: a full one could only block the poster, which may be
/// another loop that this one waits for, or lose letters, which no caller could repair. Bounds
/// belong to the callers, who see [`Mailbox::len`].
#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    queue: Mutex<Queue<T>>,
    // Written under the lock; read without it, so that looking for mail costs one load.
    length: AtomicUsize,
    signal: Arc<WakeSignal>,
}

#[derive(Debug)]
enum Queue<T> {
    Open(Vec<T>),
    Closed,
}

impl<T> Mailbox<T> {
    pub(crate) fn new(signal: Arc<WakeSignal>) -> Self {
        Self { queue: Mutex::new(Queue::Open(Vec::new())), length: AtomicUsize::new(0), signal }
    }

    /// Any thread: queues a letter and wakes the loop if it sleeps.
    pub(crate) fn push(&self, letter: T) -> Result<(), Closed> {
        {
            let mut queue = self.queue.lock();
            let Queue::Open(letters) = &mut *queue else { return Err(Closed) };
            letters.push(letter);
            self.length.store(letters.len(), Ordering::Release);
        }
        self.signal.notify();
        Ok(())
    }

    /// Loop thread: exchanges the waiting letters for the empty `letters`, memory included.
    pub(crate) fn swap(&self, letters: &mut Vec<T>) {
        debug_assert!(letters.is_empty());
        if let Queue::Open(waiting) = &mut *self.queue.lock() {
            std::mem::swap(waiting, letters);
            self.length.store(0, Ordering::Release);
        }
        self.signal.count_taken(letters.len());
    }

    /// Loop thread: refuses letters from now on and returns those left.
    pub(crate) fn close(&self) -> Vec<T> {
        let mut queue = self.queue.lock();
        self.length.store(0, Ordering::Release);
        let letters = match std::mem::replace(&mut *queue, Queue::Closed) {
            Queue::Open(letters) => letters,
            Queue::Closed => Vec::new(),
        };
        self.signal.count_taken(letters.len());
        letters
    }

    /// Any thread: letters waiting.
    pub(crate) fn len(&self) -> usize {
        self.length.load(Ordering::Acquire)
    }
}

#[cfg(all(test, loom))]
mod model;

#[cfg(not(loom))]
#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox() -> Mailbox<u32> {
        Mailbox::new(Arc::new(WakeSignal::silent()))
    }

    #[test]
    fn letters_keep_their_order() {
        let mailbox = mailbox();
        for number in 0..3 {
            mailbox.push(number).unwrap();
        }
        assert_eq!(mailbox.len(), 3);
        let mut letters = Vec::new();
        mailbox.swap(&mut letters);
        assert_eq!(letters, [0, 1, 2]);
        assert_eq!(mailbox.len(), 0);
    }

    #[test]
    fn a_closed_mailbox_refuses_and_hands_back_the_rest() {
        let mailbox = mailbox();
        mailbox.push(1).unwrap();
        assert_eq!(mailbox.close(), [1]);
        assert_eq!(mailbox.push(2), Err(Closed));
        assert_eq!(mailbox.close(), []);
        assert_eq!(mailbox.len(), 0);
    }
}
