//! Jobs that wait, first in, first out. No lock and no thread in here.

use std::collections::VecDeque;

use super::queue::Waiting;

/// See the module.
pub(super) struct Fifo<J> {
    jobs: VecDeque<J>,
    /// Jobs that are given out at a time.
    at_once: usize,
}

impl<J> Fifo<J> {
    pub(super) fn new(at_once: usize) -> Self {
        Self { jobs: VecDeque::new(), at_once: at_once.max(1) }
    }
}

impl<J> Waiting for Fifo<J> {
    type Job = J;

    fn len(&self) -> usize {
        self.jobs.len()
    }

    fn push(&mut self, job: J) {
        self.jobs.push_back(job);
    }

    fn take(&mut self) -> Vec<J> {
        self.jobs.drain(..self.at_once.min(self.jobs.len())).collect()
    }

    fn takers(&self, jobs: usize) -> usize {
        jobs.div_ceil(self.at_once)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_given_out_at_a_time() {
        let mut fifo = Fifo::new(2);
        (1..=3).for_each(|job| fifo.push(job));
        assert_eq!((fifo.takers(3), fifo.takers(4)), (2, 2));
        assert_eq!(fifo.take(), [1, 2]);
        assert_eq!(fifo.take(), [3]);
        assert_eq!(fifo.len(), 0);
    }
}
