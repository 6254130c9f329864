//! Ours, with clients of either style.

use super::server::{Seat, Server};
use crate::accounts::{self, Registered, Style};
use crate::contender::Contender;
use std::io;
use std::ops::Range;
use std::path::Path;

/// See the module.
pub(super) struct ChatServer {
    contender: Contender,
    style: Style,
    accounts: Vec<Registered>,
}

impl ChatServer {
    pub(super) fn start(program: &Path, cpu: usize, style: Style) -> io::Result<Self> {
        let contender = Contender::chat_server(program, cpu)?;
        Ok(Self { contender, style, accounts: Vec::new() })
    }
}

impl Server for ChatServer {
    fn pid(&self) -> u32 {
        self.contender.pid()
    }

    fn register(&mut self, count: usize) -> io::Result<()> {
        let missing = self.accounts.len()..count;
        self.accounts.extend(accounts::register(&[self.contender.address], missing)?);
        Ok(())
    }

    fn players(&mut self, numbers: Range<usize>, in_flight: u64) -> io::Result<Vec<Seat>> {
        self.register(numbers.end)?;
        let accounts = &self.accounts[numbers];
        accounts::log_in(&[self.contender.address], accounts, in_flight, self.style)
    }
}
