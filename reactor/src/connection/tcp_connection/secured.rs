//! Reading, writing and ending where TLS lies between the service and the socket.

use super::{Flushed, ReadOutcome, TcpConnection, retry_interrupted};
use crate::buffer::Buffer;
use crate::connection::output_queue::ChunkPool;
use crate::driver::channel::Readiness;
use std::io;

impl<State> TcpConnection<State> {
    /// Whether anything waits for the kernel: output, or records of which the service knows nothing.
    pub(crate) fn has_output(&self) -> bool {
        !self.output.is_empty() || self.tls.as_ref().is_some_and(|tls| tls.has_sealed())
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

    /// As [`TcpConnection::flush`]: seals output as fast as the kernel takes records.
    pub(super) fn flush_records(&mut self, pool: &mut ChunkPool) -> Flushed {
        let mut flushed = Flushed::default();
        let Some(tls) = &mut self.tls else { return flushed };
        while self.channel.is_writable() && flushed.result.is_ok() {
            if !tls.has_sealed() {
                if self.output.is_empty() || tls.is_handshaking() {
                    break;
                }
                flushed.result = tls.seal(&self.output, pool);
                continue;
            }
            let write = || tls.write_with(|slices| self.stream.write_gathered(slices));
            let written = flushed.note(retry_interrupted(write), &mut self.channel);
            let taken = tls.consume(written, pool);
            self.output.consume(taken, pool);
            self.bytes_written += taken as u64;
            flushed.bytes += taken;
        }
        flushed
    }

    /// Sends our end of stream behind all output; false: the kernel has no room for it yet.
    pub(crate) fn send_end(&mut self, pool: &mut ChunkPool) -> io::Result<bool> {
        let is_sent = self.send_end_of_records(pool)?;
        if is_sent {
            self.stream.shutdown_write()?;
        }
        Ok(is_sent)
    }

    /// As [`TcpConnection::send_end`], for a socket that is about to be closed. A handshake is waited for:
    /// what the service sent may be all that the peer wants.
    pub(crate) fn send_end_of_records(&mut self, pool: &mut ChunkPool) -> io::Result<bool> {
        let Some(tls) = &mut self.tls else { return Ok(true) };
        tls.queue_end(pool)?;
        self.flush_records(pool).result?;
        Ok(!self.has_output() && !self.is_handshaking())
    }
}
