//! Reading, writing and ending where TLS lies between the service and the socket.

use super::{Flushed, ReadOutcome, TcpConnection, retry_interrupted, write_front};
use crate::buffer::Buffer;
use crate::connection::output_queue::ChunkPool;
use crate::driver::channel::Readiness;
use std::io;

impl<State> TcpConnection<State> {
    /// Whether anything waits for the kernel: output, or records of which the service knows nothing.
    pub(crate) fn has_output(&self) -> bool {
        !self.output.is_empty() || self.tls.as_ref().is_some_and(|tls| tls.has_sealed())
    }

    /// Whether the socket may end: all was written. A handshake is waited for, as what the service sent
    /// may be all that the peer wants.
    pub(crate) fn is_drained(&self) -> bool {
        !self.has_output() && !self.is_handshaking()
    }

    /// Whether TLS was begun and is not ready yet.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_handshaking())
    }

    /// As [`TcpConnection::read_into`]: reads into `records`, and opens those into `plain`.
    pub(super) fn read_records(
        &mut self,
        plain: &mut Buffer,
        records: &mut Buffer,
        pool: &mut ChunkPool,
    ) -> ReadOutcome {
        let Some(tls) = &mut self.tls else { return ReadOutcome::Drained };
        if tls.has_ended() {
            self.channel.handle_read_drained();
            return ReadOutcome::EndOfStream;
        }
        tls.take_partial(records);
        match self.read_stream(records) {
            ReadOutcome::Bytes(count) => match self.open_records(records, plain, pool) {
                Ok(()) => ReadOutcome::Bytes(count),
                Err(error) => ReadOutcome::Failed(error.kind()),
            },
            nothing => {
                if let Some(tls) = &mut self.tls {
                    tls.keep_partial(records);
                }
                match nothing {
                    // Whoever cuts the connection must not be able to feign an end.
                    ReadOutcome::EndOfStream => ReadOutcome::Failed(io::ErrorKind::UnexpectedEof),
                    other => other,
                }
            }
        }
    }

    /// Opens whole records into `plain`; if that fails the connection has to be closed.
    pub(crate) fn open_records(
        &mut self,
        records: &mut Buffer,
        plain: &mut Buffer,
        pool: &mut ChunkPool,
    ) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        let result = tls.open(records, plain, pool);
        if tls.has_ended() {
            // The kernel will not tell of it.
            self.channel.handle_event(Readiness::END);
        }
        if let Err(error) = &result {
            log::debug!("TLS with {}: {error}", self.peer);
            // An alert says why, if there is room for it.
            let _flushed = self.flush_records(pool);
        }
        result
    }

    /// As [`TcpConnection::flush`]: seals output as fast as the kernel takes records, and behind all of it
    /// the end, if that was asked for.
    pub(super) fn flush_records(&mut self, pool: &mut ChunkPool) -> Flushed {
        let mut flushed = Flushed::default();
        let Some(tls) = &mut self.tls else { return flushed };
        while self.channel.is_writable() && flushed.result.is_ok() {
            if !tls.has_sealed() {
                if tls.is_handshaking() {
                    break;
                } else if !self.output.is_empty() {
                    flushed.result = tls.seal(&self.output, pool);
                } else if self.state.is_ending() && !tls.has_queued_end() {
                    flushed.result = tls.queue_end(pool);
                } else {
                    break;
                }
                continue;
            }
            let result = retry_interrupted(|| write_front(tls.sealed(), &self.stream));
            let written = flushed.note(result, &mut self.channel);
            let taken = tls.consume(written, pool);
            self.output.consume(taken, pool);
            self.bytes_written += taken as u64;
            flushed.bytes += taken;
        }
        flushed
    }
}
