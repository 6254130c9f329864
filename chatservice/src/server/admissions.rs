//! How many connections there are, by what limits count.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::chat::throttle::network_of;

/// Any thread. A connection is counted from its first callback to its last, so a burst that is
/// being accepted may exceed a limit by what one turn accepts.
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

    /// Whether one more connection from `address` may come in.
    pub(crate) fn admits(&self, address: IpAddr) -> bool {
        let counted = self.by_address.lock().get(&network_of(address)).copied().unwrap_or(0);
        self.anonymous.load(Ordering::Relaxed) < self.anonymous_max
            && counted < self.per_address_max
    }

    pub(crate) fn opened(&self, address: IpAddr) {
        self.anonymous.fetch_add(1, Ordering::Relaxed);
        if !address.to_canonical().is_loopback() {
            *self.by_address.lock().entry(network_of(address)).or_insert(0) += 1;
        }
    }

    pub(crate) fn logged_in(&self, online: bool) {
        if online {
            self.anonymous.fetch_sub(1, Ordering::Relaxed);
        } else {
            self.anonymous.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A connection ended, logged out before if it had been logged in.
    pub(crate) fn closed(&self, address: IpAddr) {
        self.anonymous.fetch_sub(1, Ordering::Relaxed);
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
        admissions.opened(FAR);
        admissions.opened(LOOPBACK);
        assert!(!admissions.admits(FAR));
        assert!(admissions.admits(OTHER) && admissions.admits(LOOPBACK));
        admissions.closed(FAR);
        assert!(admissions.admits(FAR));
    }

    #[test]
    fn those_who_logged_in_make_room_for_those_who_have_not() {
        let admissions = Admissions::new(1, 10);
        admissions.opened(FAR);
        assert!(!admissions.admits(OTHER));
        admissions.logged_in(true);
        assert!(admissions.admits(OTHER));
        admissions.logged_in(false);
        admissions.closed(FAR);
        assert!(admissions.admits(OTHER));
    }
}
