//! Which loop gets a new connection. Pure.

use crate::driver::address::Address;
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

/// How connections are dealt to the services of a server, one on each loop.
#[derive(Default)]
pub enum Placement {
    /// In turn, as muduo does.
    #[default]
    RoundRobin,
    /// To the one with the fewest connections, the first of several: evens out what long and short
    /// connections would make uneven.
    LeastConnections,
    /// By the peer's address without its port: a client always meets the same loop, as long as the
    /// loops are the same. Peers on Unix sockets all meet one.
    ByAddress,
    /// One's own choice: an index into [`Newcomer::connections`]; one that is too large is taken
    /// modulo their number.
    Custom(Box<dyn FnMut(&Newcomer<'_>) -> usize + Send>),
}

/// What a choice may go by.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Newcomer<'a> {
    /// Where the connection comes from.
    pub peer: &'a Address,
    /// Connections of each service that runs, in the order of their seats.
    pub connections: &'a [usize],
}

impl fmt::Debug for Placement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::RoundRobin => "RoundRobin",
            Self::LeastConnections => "LeastConnections",
            Self::ByAddress => "ByAddress",
            Self::Custom(_) => "Custom",
        })
    }
}

/// A placement at work.
#[derive(Debug)]
pub(crate) struct Chooser {
    placement: Placement,
    next: usize,
}

impl Chooser {
    pub(crate) fn new(placement: Placement) -> Self {
        Self { placement, next: 0 }
    }

    /// The index of one of `connections`, of which there must be any.
    pub(crate) fn choose(&mut self, peer: &Address, connections: &[usize]) -> usize {
        let count = connections.len();
        let chosen = match &mut self.placement {
            Placement::RoundRobin => {
                self.next = (self.next + 1) % count;
                // The first one first.
                self.next + count - 1
            }
            Placement::LeastConnections => {
                let least = connections.iter().enumerate().min_by_key(|&(_, count)| count);
                least.map_or(0, |(index, _)| index)
            }
            Placement::ByAddress => {
                let ip = peer.socket_addr().map(|peer| peer.ip());
                BuildHasherDefault::<DefaultHasher>::default().hash_one(ip) as usize
            }
            Placement::Custom(choose) => choose(&Newcomer { peer, connections }),
        };
        chosen % count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(host: u8, port: u16) -> Address {
        Address::Internet(([10, 0, 0, host], port).into())
    }

    fn choices(placement: Placement, peers: &[Address], connections: &[usize]) -> Vec<usize> {
        let mut chooser = Chooser::new(placement);
        peers.iter().map(|peer| chooser.choose(peer, connections)).collect()
    }

    #[test]
    fn in_turn_is_from_the_first_on() {
        let peers = vec![peer(1, 1); 5];
        assert_eq!(choices(Placement::RoundRobin, &peers, &[9, 0, 0]), [0, 1, 2, 0, 1]);
    }

    #[test]
    fn the_emptiest_is_chosen() {
        assert_eq!(choices(Placement::LeastConnections, &[peer(1, 1)], &[3, 1, 2, 1]), [1]);
    }

    #[test]
    fn a_client_stays_and_clients_spread() {
        let same: Vec<_> = (0..50).map(|port| peer(1, port)).collect();
        let chosen = choices(Placement::ByAddress, &same, &[0; 4]);
        assert!(chosen.iter().all(|&index| index == chosen[0]));
        let others: Vec<_> = (0..50).map(|host| peer(host, 1)).collect();
        let mut chosen = choices(Placement::ByAddress, &others, &[0; 4]);
        chosen.sort_unstable();
        chosen.dedup();
        assert_eq!(chosen, [0, 1, 2, 3]);
    }

    #[test]
    fn a_choice_of_ones_own_cannot_miss() {
        let by_port = Placement::Custom(Box::new(|newcomer| {
            usize::from(newcomer.peer.socket_addr().map_or(0, |peer| peer.port()))
        }));
        assert_eq!(choices(by_port, &[peer(1, 1), peer(1, 5)], &[0, 0]), [1, 1]);
    }
}
