//! Where a client comes from, which has to be known before it is heard: its own address, or what
//! a trusted proxy announces in a PROXY header.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use reactor::{Buffer, CloseReason};

use super::admissions::Arrival;
use super::chat_loop::{ChatLoop, Conn, conn_of};
use super::proxy_header::{Scan, scan};

/// A proxy sends its header with the first segment; this leaves time for that to be lost and sent
/// again.
const HEADER_WITHIN: Duration = Duration::from_secs(3);
/// Connections have no other timer.
const HEADER_TIMER: u64 = 0;

/// The client's address, as far as limits by address are concerned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Origin {
    /// The proxy has not told.
    #[default]
    Awaited,
    /// Counted, and known to the rules.
    Known(IpAddr),
    /// The address has too many connections, or the proxy told nothing that makes sense.
    Refused,
}

impl ChatLoop {
    /// Lets a new connection in, or waits for what its proxy says.
    pub(super) fn meet(&mut self, connection: &mut Conn<'_>) {
        self.shared.admissions.opened();
        let peer = connection.peer_addr().ip();
        if self.shared.config.proxy_from.contains(peer) {
            let within = HEADER_WITHIN.min(self.shared.config.rules.login_within);
            connection.run_after(within, HEADER_TIMER);
        } else {
            self.let_in(connection, peer);
        }
    }

    /// Whether what is left of `input` is the client's; takes the header off.
    pub(super) fn is_met(&mut self, connection: &mut Conn<'_>, input: &mut Buffer) -> bool {
        match connection.state().origin {
            Origin::Known(_) => return true,
            Origin::Refused => return false,
            Origin::Awaited => {}
        }
        match scan(input.peek()) {
            Scan::Incomplete => false,
            Scan::Header { client, length } => {
                input.retrieve(length);
                let peer = connection.peer_addr().ip();
                self.let_in(connection, client.unwrap_or(peer))
            }
            Scan::Malformed => {
                self.refuse_stranger(connection);
                false
            }
        }
    }

    fn let_in(&mut self, connection: &mut Conn<'_>, address: IpAddr) -> bool {
        if self.shared.admissions.arrive(address) == Arrival::Refused {
            connection.state_mut().origin = Origin::Refused;
            connection.force_close();
            return false;
        }
        connection.state_mut().origin = Origin::Known(address);
        let now = self.now(connection.now());
        self.shard.handle_opened(now, conn_of(connection), address);
        self.run_effects(&mut connection.connections());
        true
    }

    /// Closes a connection whose proxy did not say who is behind it.
    pub(super) fn refuse_stranger(&mut self, connection: &mut Conn<'_>) {
        let peer = connection.peer_addr();
        // An operator's mistake shows at the first connection; the others would bury the log.
        let warned = self.shared.header_missed.swap(true, Ordering::Relaxed);
        let level = if warned { log::Level::Debug } else { log::Level::Warn };
        log::log!(level, "the proxy {peer} sent no PROXY header; its connection is closed");
        connection.state_mut().origin = Origin::Refused;
        connection.force_close();
    }

    /// Gives back what the connection counted for.
    pub(super) fn part(&mut self, connection: &Conn<'_>, reason: CloseReason) {
        let peer = connection.peer_addr();
        match connection.state().origin {
            Origin::Known(address) => {
                log::debug!("{peer} closed, client at {address}: {reason:?}");
                self.shared.admissions.depart(address);
            }
            Origin::Awaited | Origin::Refused => log::debug!("{peer} closed: {reason:?}"),
        }
        self.shared.admissions.closed();
    }
}
