//! How many connections there are, by what limits count.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::chat::throttle::network_of;

/// Any thread. A connection without login is counted from its first callback to its last, so a
/// burst that is being accepted may exceed that limit by what one turn accepts. An address is
/// counted from when it is known, which for a client behind a proxy is later.
pub(crate) struct Admissions {
    anonymous_max: usize,
    per_address_max: usize,
    anonymous: AtomicUsize,
    by_address: Mutex<HashMap<IpAddr, usize>>,
}

impl Admissions {
    pub(crate) fn new(anonymous_max: usize, per_address_max: usize) -> Self {
        Self {
            anonymous_max,
            per_address_max,
            anonymous: AtomicUsize::new(0),
            by_address: Mutex::default(),
        }
    }

    /// Whether one more connection may come in.
    pub(crate) fn has_room(&self) -> bool {
        self.anonymous.load(Ordering::Relaxed) < self.anonymous_max
    }

    /// Whether one more connection from `address` may come in.
    pub(crate) fn has_room_for(&self, address: IpAddr) -> bool {
        let by_address = self.by_address.lock();
        let counted = by_address.get(&network_of(address)).copied().unwrap_or(0);
        counted < self.per_address_max
    }

    /// A connection was accepted.
    pub(crate) fn opened(&self) {
        self.anonymous.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a connection from `address`, unless there are too many already.
    pub(crate) fn arrive(&self, address: IpAddr) -> Arrival {
        if !address.to_canonical().is_loopback() {
            let mut by_address = self.by_address.lock();
            let count = by_address.entry(network_of(address)).or_insert(0);
            if *count >= self.per_address_max {
                return Arrival::Refused;
            }
            *count += 1;
        }
        Arrival::Counted
    }

    pub(crate) fn logged_in(&self, online: bool) {
        if online {
            self.anonymous.fetch_sub(1, Ordering::Relaxed);
        } else {
            self.anonymous.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// One that was counted ended.
    pub(crate) fn depart(&self, address: IpAddr) {
        if address.to_canonical().is_loopback() {
            return;
        }
        let network = network_of(address);
        let mut by_address = self.by_address.lock();
        if let Some(count) = by_address.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&network);
            }
        }
    }

    /// A connection ended, logged out before if it had been logged in.
    pub(crate) fn closed(&self) {
        self.anonymous.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether an address has room for one more connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It is counted until it departs.
    Counted,
    /// It is not counted and has to go.
    Refused,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const FAR: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn an_address_has_its_share_and_loopback_has_no_limit() {
        let admissions = Admissions::new(10, 1);
        assert_eq!(admissions.arrive(FAR), Arrival::Counted);
        assert_eq!(admissions.arrive(FAR), Arrival::Refused);
        for _ in 0..3 {
            assert_eq!(admissions.arrive(LOOPBACK), Arrival::Counted);
        }
        assert!(!admissions.has_room_for(FAR));
        assert!(admissions.has_room_for(OTHER) && admissions.has_room_for(LOOPBACK));
        admissions.depart(FAR);
        assert!(admissions.has_room_for(FAR));
        assert_eq!(admissions.arrive(FAR), Arrival::Counted);
    }

    #[test]
    fn those_who_logged_in_make_room_for_those_who_have_not() {
        let admissions = Admissions::new(1, 10);
        admissions.opened();
        assert!(!admissions.has_room());
        admissions.logged_in(true);
        assert!(admissions.has_room());
        admissions.logged_in(false);
        assert!(!admissions.has_room());
        admissions.closed();
        assert!(admissions.has_room());
    }
}
