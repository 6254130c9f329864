//! The bare epoll loop: what a message costs at least.

use super::server::{Seat, Server};
use crate::contender::Contender;
use crate::load::Partner;
use crate::player::{Dialogue, Player};
use std::io;
use std::net::TcpStream;
use std::ops::Range;
use std::path::Path;
use std::time::Instant;

/// See the module.
pub(super) struct BareEcho {
    contender: Contender,
}

impl BareEcho {
    pub(super) fn start(program: &Path, cpu: usize) -> io::Result<Self> {
        Ok(Self { contender: Contender::bare_echo(program, cpu)? })
    }
}

impl Server for BareEcho {
    fn pid(&self) -> u32 {
        self.contender.pid()
    }

    /// One for each pair: a block there and back is a read and a write, as a message is.
    fn players(&mut self, numbers: Range<usize>, in_flight: u64) -> io::Result<Vec<Seat>> {
        let player = || Player::new(Dialogue::Echo, in_flight, Instant::now());
        let pairs = 0..numbers.len() / 2;
        pairs.map(|_| Ok((TcpStream::connect(self.contender.address)?, player()))).collect()
    }

    fn partner(&self) -> Partner {
        Partner::Itself
    }
}
