//! One nats-server as it comes.

use super::server::{Seat, Server};
use crate::cluster::nats::{NatsServer, player};
use std::io;
use std::ops::Range;
use std::path::Path;

/// See the module.
pub(super) struct Nats {
    server: NatsServer,
}

impl Nats {
    pub(super) fn start() -> io::Result<Self> {
        Ok(Self { server: NatsServer::start_alone(Path::new("nats-server"))? })
    }
}

impl Server for Nats {
    fn pid(&self) -> u32 {
        self.server.pid()
    }

    fn players(&mut self, numbers: Range<usize>, in_flight: u64) -> io::Result<Vec<Seat>> {
        numbers.map(|number| player(self.server.address(), number, in_flight)).collect()
    }
}
