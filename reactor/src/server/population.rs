//! How many connections a server has, in all, on each loop and from each address, and how many it
//! may have.

use crate::driver::address::Address;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The most connections of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionLimits {
    pub(crate) in_all: usize,
    pub(crate) by_address: usize,
}

/// Why a connection is one too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    InAll,
    ByAddress,
}

/// Counts from the accept on, so that limits hold across loops, and connections on the way to their
/// loop are bounded too. Touched when one comes or goes, never by a message.
#[derive(Debug)]
pub(crate) struct Population {
    limits: ConnectionLimits,
    connections: AtomicUsize,
    seats: Box<[SeatCount]>,
    /// Only those of which there are any; empty without a limit.
    addresses: Mutex<HashMap<IpAddr, usize>>,
}

/// On a cache line of its own, for each loop changes its own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct SeatCount(AtomicUsize);

impl Population {
    pub(crate) fn new(limits: ConnectionLimits, seats: usize) -> Self {
        Self {
            limits,
            connections: AtomicUsize::new(0),
            seats: (0..seats).map(|_| SeatCount::default()).collect(),
            addresses: Mutex::default(),
        }
    }

    /// Counts a connection that the program asked for itself, which no limit refuses.
    pub(crate) fn add(self: &Arc<Self>, seat: usize) -> CountedConnection {
        self.connections.fetch_add(1, Ordering::AcqRel);
        self.count_in(seat, None)
    }

    /// Counts a connection that came, unless there are too many.
    pub(crate) fn admit(
        self: &Arc<Self>,
        seat: usize,
        peer: &Address,
    ) -> Result<CountedConnection, Refusal> {
        // Counted before it is compared, for several loops may accept at once.
        if self.connections.fetch_add(1, Ordering::AcqRel) >= self.limits.in_all {
            self.connections.fetch_sub(1, Ordering::AcqRel);
            return Err(Refusal::InAll);
        }
        let address = peer.socket_addr().map(|peer| host(peer.ip()));
        let address = address.filter(|_| self.limits.by_address != usize::MAX);
        if let Some(address) = address {
            let mut addresses = self.addresses.lock();
            let count = addresses.get(&address).copied().unwrap_or_default();
            if count >= self.limits.by_address {
                self.connections.fetch_sub(1, Ordering::AcqRel);
                return Err(Refusal::ByAddress);
            }
            addresses.insert(address, count + 1);
        }
        Ok(self.count_in(seat, address))
    }

    fn count_in(self: &Arc<Self>, seat: usize, address: Option<IpAddr>) -> CountedConnection {
        if let Some(count) = self.seats.get(seat) {
            count.0.fetch_add(1, Ordering::Relaxed);
        }
        // There are fewer than 4,096 seats.
        CountedConnection {
            population: self.clone(),
            seat: seat as u16,
            address: address.map(Box::new),
        }
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Acquire)
    }

    pub(crate) fn of_seat(&self, seat: usize) -> usize {
        self.seats.get(seat).map_or(0, |count| count.0.load(Ordering::Relaxed))
    }
}

impl Default for Population {
    fn default() -> Self {
        Self::new(ConnectionLimits { in_all: usize::MAX, by_address: usize::MAX }, 0)
    }
}

/// A connection that was counted; goes with it, and counts it out when dropped, whatever it did not
/// get to.
#[derive(Debug)]
pub(crate) struct CountedConnection {
    population: Arc<Population>,
    seat: u16,
    /// Boxed, for without a limit there is none.
    address: Option<Box<IpAddr>>,
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        let population = &self.population;
        population.connections.fetch_sub(1, Ordering::AcqRel);
        if let Some(count) = population.seats.get(usize::from(self.seat)) {
            count.0.fetch_sub(1, Ordering::Relaxed);
        }
        if let Some(address) = self.address.take()
            && let Entry::Occupied(mut entry) = population.addresses.lock().entry(*address)
        {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

/// Whom an address stands for: itself, but of IPv6 the /64 that a single host may number at will.
fn host(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Address {
        Address::Internet(address.parse().unwrap())
    }

    #[test]
    fn limits_hold_until_somebody_goes() {
        let limits = ConnectionLimits { in_all: 3, by_address: 2 };
        let population = Arc::new(Population::new(limits, 2));
        let first = population.admit(0, &peer("10.0.0.1:1")).unwrap();
        let _second = population.admit(1, &peer("10.0.0.1:2")).unwrap();
        let refused = population.admit(0, &peer("10.0.0.1:3")).unwrap_err();
        assert_eq!(refused, Refusal::ByAddress);
        let _other = population.admit(1, &peer("10.0.0.2:1")).unwrap();
        assert_eq!((population.of_seat(0), population.of_seat(1)), (1, 2));
        let refused = population.admit(0, &peer("10.0.0.3:1")).unwrap_err();
        assert_eq!(refused, Refusal::InAll);
        drop(first);
        let _third = population.admit(0, &peer("10.0.0.1:4")).unwrap();
        assert_eq!(population.connections(), 3);
    }

    #[test]
    fn nothing_is_kept_of_addresses_that_have_gone() {
        let limits = ConnectionLimits { in_all: usize::MAX, by_address: 1 };
        let population = Arc::new(Population::new(limits, 1));
        for port in 1..100 {
            drop(population.admit(0, &peer(&format!("10.0.0.{port}:{port}"))).unwrap());
        }
        assert!(population.addresses.lock().is_empty());
        assert_eq!((population.connections(), population.of_seat(0)), (0, 0));
    }

    #[test]
    fn nothing_is_kept_of_addresses_that_were_refused() {
        let limits = ConnectionLimits { in_all: usize::MAX, by_address: 0 };
        let population = Arc::new(Population::new(limits, 1));
        let refused = population.admit(0, &peer("10.0.0.1:1")).unwrap_err();
        assert_eq!(refused, Refusal::ByAddress);
        assert!(population.addresses.lock().is_empty());
        assert_eq!(population.connections(), 0);
    }

    #[test]
    fn a_host_has_one_address_or_one_network() {
        let same =
            [("[2001:db8::1]:1", "[2001:db8::ffff]:2"), ("[::ffff:10.0.0.1]:1", "10.0.0.1:9")];
        for (one, other) in same.map(|(one, other)| (peer(one), peer(other))) {
            let ip = |address: &Address| host(address.socket_addr().unwrap().ip());
            assert_eq!(ip(&one), ip(&other));
        }
        assert_ne!(host("2001:db8:0:1::1".parse().unwrap()), host("2001:db8::1".parse().unwrap()));
    }
}
