//! Which address is tried when. Pure: the time and the random share are arguments.

use crate::client::backoff::Backoff;
use crate::driver::address::Address;
use crate::event_loop::timer_queue::deadline_after;
use std::time::Instant;

/// What stood in the way of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// This address; another one may do.
    Address,
    /// This process or system is short of something, for all addresses alike.
    Shortage,
}

/// The addresses in turn, with a pause after each round of failures.
#[derive(Debug)]
pub(crate) struct ConnectSchedule {
    /// Never empty.
    addresses: Vec<Address>,
    next: usize,
    failed_in_round: usize,
    attempts: u32,
    attempts_max: u32,
    backoff: Backoff,
    established_at: Option<Instant>,
}

impl ConnectSchedule {
    /// `addresses` must not be empty.
    pub(crate) fn new(addresses: Vec<Address>, attempts_max: u32, backoff: Backoff) -> Self {
        debug_assert!(!addresses.is_empty());
        Self {
            addresses,
            next: 0,
            failed_in_round: 0,
            attempts: 0,
            attempts_max,
            backoff,
            established_at: None,
        }
    }

    /// The address whose turn it is.
    pub(crate) fn address(&self) -> &Address {
        &self.addresses[self.next]
    }

    /// Failures since the start or the last connection.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Begins anew: with the first address, the first delay and no attempt counted.
    pub(crate) fn restart(&mut self) {
        self.backoff.reset();
        self.begin_round(0);
        self.attempts = 0;
    }

    /// Replaces the addresses and begins with the first; an empty list changes nothing. Delays and
    /// attempts go on as they were.
    pub(crate) fn set_addresses(&mut self, addresses: Vec<Address>) {
        if !addresses.is_empty() {
            self.addresses = addresses;
            self.begin_round(0);
        }
    }

    /// An attempt failed; returns when the next is due, if there is to be one. Other addresses of
    /// the round are due at once.
    pub(crate) fn fail(
        &mut self,
        now: Instant,
        obstacle: Obstacle,
        jitter: f64,
    ) -> Option<Instant> {
        self.attempts = self.attempts.saturating_add(1);
        if self.attempts >= self.attempts_max {
            return None;
        }
        if obstacle == Obstacle::Address {
            self.next = self.following();
            self.failed_in_round += 1;
            if self.failed_in_round < self.addresses.len() {
                return Some(now);
            }
        }
        self.failed_in_round = 0;
        Some(deadline_after(now, self.backoff.next(jitter)))
    }

    /// The address of this turn was connected to.
    pub(crate) fn establish(&mut self, now: Instant) {
        self.established_at = Some(now);
    }

    /// The connection was lost; returns when the next attempt is due. One that lasted as long as
    /// the longest delay counts as a success. After a shorter one the delays go on to grow, from
    /// the next address on: a server that hangs up on everybody is not to be hammered.
    pub(crate) fn lose(&mut self, now: Instant, jitter: f64) -> Instant {
        let lasted = self.established_at.take().map(|then| now.saturating_duration_since(then));
        self.attempts = 0;
        if lasted >= Some(self.backoff.max()) {
            self.restart();
        } else {
            self.begin_round(self.following());
        }
        deadline_after(now, self.backoff.next(jitter))
    }

    fn following(&self) -> usize {
        (self.next + 1) % self.addresses.len()
    }

    fn begin_round(&mut self, address: usize) {
        self.next = address;
        self.failed_in_round = 0;
    }
}

#[cfg(test)]
mod tests;
