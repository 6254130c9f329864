//! What a server must offer to be compared.

use crate::load::Partner;
use crate::player::Player;
use std::io;
use std::net::TcpStream;
use std::ops::Range;

/// A connection that is logged in, and who plays on it.
pub(super) type Seat = (TcpStream, Player);

/// A running server; it ends when dropped.
pub(super) trait Server {
    fn pid(&self) -> u32;

    /// Sees to it that there are accounts with the numbers below `count`, where there are accounts.
    fn register(&mut self, count: usize) -> io::Result<()> {
        let _ = count;
        Ok(())
    }

    /// Players with these numbers, an even count from an even one, neighbours being partners; all
    /// are logged in.
    fn players(&mut self, numbers: Range<usize>, in_flight: u64) -> io::Result<Vec<Seat>>;

    /// To whom the players' messages go.
    fn partner(&self) -> Partner {
        Partner::Neighbour
    }
}
