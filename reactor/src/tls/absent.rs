//! What stands for TLS in a library without it: types that have no value, so that the compiler drops
//! all that is for them.

use crate::buffer::Buffer;
use crate::connection::output_queue::{ChunkPool, OutputQueue};
use std::io;

/// No side of TLS.
#[derive(Clone, Debug)]
pub(crate) enum Tls {}

impl Tls {
    pub(crate) fn check(&self) -> io::Result<()> {
        match *self {}
    }
}

/// No session.
pub(crate) enum TlsSession {}

impl TlsSession {
    pub(crate) fn new(tls: &Tls, _pool: &mut ChunkPool) -> io::Result<Self> {
        match *tls {}
    }
    pub(crate) fn take_partial(&mut self, _records: &mut Buffer) {
        match *self {}
    }
    pub(crate) fn keep_partial(&mut self, _records: &Buffer) {
        match *self {}
    }
    pub(crate) fn open(
        &mut self,
        _records: &mut Buffer,
        _plain: &mut Buffer,
        _pool: &mut ChunkPool,
    ) -> io::Result<()> {
        match *self {}
    }
    pub(crate) fn seal(&mut self, _output: &OutputQueue, _pool: &mut ChunkPool) -> io::Result<()> {
        match *self {}
    }
    pub(crate) fn queue_end(&mut self, _pool: &mut ChunkPool) -> io::Result<()> {
        match *self {}
    }
    pub(crate) fn has_queued_end(&self) -> bool {
        match *self {}
    }
    pub(crate) fn sealed(&self) -> &OutputQueue {
        match *self {}
    }
    pub(crate) fn consume(&mut self, _count: usize, _pool: &mut ChunkPool) -> usize {
        match *self {}
    }
    pub(crate) fn has_sealed(&self) -> bool {
        match *self {}
    }
    pub(crate) fn is_handshaking(&self) -> bool {
        match *self {}
    }
    pub(crate) fn has_ended(&self) -> bool {
        match *self {}
    }
}
