//! A bounded queue that gives out what waits in one piece. It grows with its contents, unlike a
//! bounded channel, which holds the memory for its capacity from the start.

use parking_lot::{Condvar, Mutex};

/// Jobs that wait, and which of them are next.
pub(super) trait Waiting {
    type Job;

    fn len(&self) -> usize;

    fn push(&mut self, job: Self::Job);

    /// What one thread does next: nothing only if nothing waits.
    fn take(&mut self) -> Vec<Self::Job>;

    /// How many threads it takes to do so many jobs, each of which calls [`Self::take`] once.
    fn takers(&self, jobs: usize) -> usize;
}

/// Any number of threads on either end.
pub(super) struct Queue<W> {
    capacity: usize,
    state: Mutex<State<W>>,
    arrived: Condvar,
}

struct State<W> {
    waiting: W,
    phase: Phase,
}

#[derive(PartialEq)]
enum Phase {
    Open,
    /// What is queued is still given out, nothing more is taken in.
    Closing,
}

impl<W: Waiting> Queue<W> {
    pub(super) fn new(capacity: usize, waiting: W) -> Self {
        let state = State { waiting, phase: Phase::Open };
        Self { capacity, state: Mutex::new(state), arrived: Condvar::new() }
    }

    /// Takes them in, and gives back the last of them when the queue is full or closing. Threads
    /// are woken as are needed to take the rest.
    pub(super) fn put(&self, mut jobs: Vec<W::Job>) -> Vec<W::Job> {
        if jobs.is_empty() {
            return jobs;
        }
        let mut state = self.state.lock();
        let room = match state.phase {
            Phase::Open => self.capacity.saturating_sub(state.waiting.len()),
            Phase::Closing => 0,
        };
        let refused = jobs.split_off(room.min(jobs.len()));
        let takers = state.waiting.takers(jobs.len());
        jobs.into_iter().for_each(|job| state.waiting.push(job));
        drop(state);
        for _ in 0..takers {
            self.arrived.notify_one();
        }
        refused
    }

    /// Waits for jobs and takes those that are next. `None` when the queue is closing and empty.
    pub(super) fn take(&self) -> Option<Vec<W::Job>> {
        let mut state = self.state.lock();
        while state.waiting.len() == 0 {
            if state.phase == Phase::Closing {
                return None;
            }
            self.arrived.wait(&mut state);
        }
        Some(state.waiting.take())
    }

    pub(super) fn close(&self) {
        self.state.lock().phase = Phase::Closing;
        self.arrived.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::super::fifo::Fifo;
    use super::*;

    #[test]
    fn is_bounded() {
        let queue = Queue::new(3, Fifo::new(1));
        assert!(queue.put(vec![1, 2]).is_empty());
        assert_eq!(queue.put(vec![3, 4, 5]), [4, 5]);
        assert_eq!(queue.take(), Some(vec![1]));
        assert!(queue.put(vec![6]).is_empty());
        assert_eq!(queue.put(vec![7]), [7]);
    }

    #[test]
    fn closing_lets_out_but_not_in() {
        let queue = Queue::new(2, Fifo::new(9));
        assert!(queue.put(vec![1]).is_empty());
        queue.close();
        assert_eq!(queue.put(vec![2]), [2]);
        assert_eq!(queue.take(), Some(vec![1]));
        assert_eq!(queue.take(), None);
    }

    #[test]
    fn as_many_threads_are_woken_as_the_jobs_need() {
        let queue = Queue::new(9, Fifo::new(2));
        std::thread::scope(|scope| {
            let takers: Vec<_> = (0..3).map(|_| scope.spawn(|| queue.take())).collect();
            assert!(queue.put(vec![1, 2, 3, 4, 5]).is_empty());
            let taken = takers.into_iter().filter_map(|taker| taker.join().expect("no panic"));
            let mut all: Vec<_> = taken.flatten().collect();
            all.sort_unstable();
            assert_eq!(all, [1, 2, 3, 4, 5]);
        });
    }
}
