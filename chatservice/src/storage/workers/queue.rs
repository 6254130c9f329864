//! A bounded queue that gives out what waits in one piece. It grows with its contents, unlike a
//! bounded channel, which holds the memory for its capacity from the start.

use std::collections::VecDeque;

use parking_lot::{Condvar, Mutex};

/// First in, first out; any number of threads on either end.
pub(super) struct Queue<J> {
    capacity: usize,
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
    pub(super) fn new(capacity: usize) -> Self {
        let state = State { jobs: VecDeque::new(), phase: Phase::Open };
        Self { capacity, state: Mutex::new(state), arrived: Condvar::new() }
    }

    /// Gives the job back when the queue is full or closing.
    pub(super) fn put(&self, job: J) -> Result<(), J> {
        let mut state = self.state.lock();
        if state.phase == Phase::Closing || state.jobs.len() >= self.capacity {
            return Err(job);
        }
        state.jobs.push_back(job);
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// Waits for a job and takes it with those behind it, as far as `share` allows. `None` when
    /// the queue is closing and empty.
    pub(super) fn take(&self, share: Share, cost: impl Fn(&J) -> usize) -> Option<Vec<J>> {
        let mut state = self.state.lock();
        while state.jobs.is_empty() {
            if state.phase == Phase::Closing {
                return None;
            }
            self.arrived.wait(&mut state);
        }
        let mut budget = share.cost_max;
        let affordable = state.jobs.iter().take(share.jobs_max).take_while(|job| {
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

    fn queue_of(jobs: &[usize]) -> Queue<usize> {
        let queue = Queue::new(jobs.len());
        for &job in jobs {
            queue.put(job).unwrap();
        }
        queue
    }

    #[test]
    fn gives_out_as_much_as_the_share_allows() {
        let check = |jobs_max, cost_max, expected: &[usize]| {
            let taken = queue_of(&[5, 3, 9, 1]).take(Share { jobs_max, cost_max }, |job| *job);
            assert_eq!(taken.as_deref(), Some(expected), "{jobs_max} {cost_max}");
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
        let queue = queue_of(&[1, 2]);
        assert_eq!(queue.put(3), Err(3));
        queue.take(Share { jobs_max: 1, cost_max: 1 }, |_| 1);
        assert_eq!(queue.put(3), Ok(()));
    }

    #[test]
    fn closing_lets_out_but_not_in() {
        let queue = Queue::new(2);
        queue.put(1).unwrap();
        queue.close();
        assert_eq!(queue.put(2), Err(2));
        let all = Share { jobs_max: 9, cost_max: 9 };
        assert_eq!(queue.take(all, |_| 1), Some(vec![1]));
        assert_eq!(queue.take(all, |_| 1), None);
    }
}
