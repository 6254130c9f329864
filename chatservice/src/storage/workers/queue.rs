//! A bounded queue that gives out what waits in one piece. It grows with its contents, unlike a
//! bounded channel, which holds the memory for its capacity from the start.

use std::collections::VecDeque;

use parking_lot::{Condvar, Mutex};

/// First in, first out; any number of threads on either end.
pub(super) struct Queue<J> {
    capacity: usize,
    share: Share,
    state: Mutex<State<J>>,
    arrived: Condvar,
}

struct State<J> {
    jobs: VecDeque<J>,
    phase: Phase,
}

#[derive(PartialEq)]
enum Phase {
    Open,
    /// What is queued is still given out, nothing more is taken in.
    Closing,
}

/// How much one [`Queue::take`] gives out; always at least one job.
#[derive(Clone, Copy)]
pub(super) struct Share {
    pub(super) jobs_max: usize,
    pub(super) cost_max: usize,
}

impl<J> Queue<J> {
    pub(super) fn new(capacity: usize, share: Share) -> Self {
        let state = State { jobs: VecDeque::new(), phase: Phase::Open };
        Self { capacity, share, state: Mutex::new(state), arrived: Condvar::new() }
    }

    /// Takes them in, and gives back the last of them when the queue is full or closing. Threads
    /// are woken as are needed to take the rest.
    pub(super) fn put(&self, mut jobs: Vec<J>) -> Vec<J> {
        if jobs.is_empty() {
            return jobs;
        }
        let mut state = self.state.lock();
        let room = match state.phase {
            Phase::Open => self.capacity.saturating_sub(state.jobs.len()),
            Phase::Closing => 0,
        };
        let refused = jobs.split_off(room.min(jobs.len()));
        let takers = jobs.len().div_ceil(self.share.jobs_max.max(1));
        state.jobs.extend(jobs);
        drop(state);
        for _ in 0..takers {
            self.arrived.notify_one();
        }
        refused
    }

    /// Waits for a job and takes it with those behind it, as far as the share allows. `None` when
    /// the queue is closing and empty.
    pub(super) fn take(&self, cost: impl Fn(&J) -> usize) -> Option<Vec<J>> {
        let mut state = self.state.lock();
        while state.jobs.is_empty() {
            if state.phase == Phase::Closing {
                return None;
            }
            self.arrived.wait(&mut state);
        }
        let mut budget = self.share.cost_max;
        let affordable = state.jobs.iter().take(self.share.jobs_max).take_while(|job| {
            let left = budget.checked_sub(cost(job));
            budget = left.unwrap_or(0);
            left.is_some()
        });
        let taken = affordable.count().max(1);
        Some(state.jobs.drain(..taken).collect())
    }

    pub(super) fn close(&self) {
        self.state.lock().phase = Phase::Closing;
        self.arrived.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Share = Share { jobs_max: 9, cost_max: 99 };

    #[test]
    fn gives_out_as_much_as_the_share_allows() {
        let check = |jobs_max, cost_max, expected: &[usize]| {
            let queue = Queue::new(4, Share { jobs_max, cost_max });
            assert!(queue.put(vec![5, 3, 9, 1]).is_empty());
            assert_eq!(queue.take(|job| *job).as_deref(), Some(expected), "{jobs_max} {cost_max}");
        };
        check(10, 100, &[5, 3, 9, 1]);
        check(2, 100, &[5, 3]);
        check(10, 8, &[5, 3]);
        check(10, 16, &[5, 3]);
        check(10, 1, &[5]);
        check(0, 0, &[5]);
    }

    #[test]
    fn is_bounded() {
        let queue = Queue::new(3, Share { jobs_max: 1, ..ALL });
        assert!(queue.put(vec![1, 2]).is_empty());
        assert_eq!(queue.put(vec![3, 4, 5]), [4, 5]);
        assert_eq!(queue.take(|_| 1), Some(vec![1]));
        assert!(queue.put(vec![6]).is_empty());
        assert_eq!(queue.put(vec![7]), [7]);
    }

    #[test]
    fn closing_lets_out_but_not_in() {
        let queue = Queue::new(2, ALL);
        assert!(queue.put(vec![1]).is_empty());
        queue.close();
        assert_eq!(queue.put(vec![2]), [2]);
        assert_eq!(queue.take(|_| 1), Some(vec![1]));
        assert_eq!(queue.take(|_| 1), None);
    }

    #[test]
    fn as_many_threads_are_woken_as_the_jobs_need() {
        let queue = Queue::new(9, Share { jobs_max: 2, ..ALL });
        std::thread::scope(|scope| {
            let takers: Vec<_> = (0..3).map(|_| scope.spawn(|| queue.take(|_| 1))).collect();
            assert!(queue.put(vec![1, 2, 3, 4, 5]).is_empty());
            let taken = takers.into_iter().filter_map(|taker| taker.join().expect("no panic"));
            let mut all: Vec<_> = taken.flatten().collect();
            all.sort_unstable();
            assert_eq!(all, [1, 2, 3, 4, 5]);
        });
    }
}
