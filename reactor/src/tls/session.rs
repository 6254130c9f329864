//! The TLS of one connection: from records to bytes and back. Knows no socket.

use crate::buffer::Buffer;
use crate::connection::output_queue::{ChunkPool, GATHER_MAX, OutputQueue};
use crate::tls::records::{Outgoing, RECORD_BYTES_MAX, Side, Step, Work, unexpected};
use crate::tls::{Tls, invalid_data};
use rustls::{CommonState, Error, InvalidMessage};
use std::io::{self, IoSlice};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The most bytes that are sealed before the kernel took the records of those before: three full
/// records, which fit into a chunk that the pool keeps.
const SEALED_BYTES_MAX: usize = 3 * RECORD_BYTES_MAX;

/// The most bytes of records that wait for the rest of theirs or of a handshake message, which rustls
/// takes up to 64 KiB: twice that, for the heads of the records. Pieces of a byte each are refused.
const PARTIAL_BYTES_MAX: usize = 128 * 1024;
const TOO_LARGE: Error = Error::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge);

/// Keys, and the few bytes that are on their way through.
pub(crate) struct TlsSession {
    side: Side,
    /// The front of a record that has not arrived whole; without memory most of the time.
    partial: Vec<u8>,
    /// Records that the kernel did not take yet.
    sealed: OutputQueue,
    /// Bytes of the connection's output that `sealed` was made of.
    sealed_bytes: usize,
    incoming: Incoming,
    outgoing: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Incoming {
    Open,
    /// The peer's `close_notify` came.
    Ended,
    /// What came was wrong: rustls must not be asked for anything but its alert.
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Open,
    /// Our `close_notify` is queued or sent.
    Queued,
}

impl TlsSession {
    /// A client's first record is queued at once.
    pub(crate) fn new(tls: &Tls, pool: &mut ChunkPool) -> io::Result<Self> {
        tls.check()?;
        let mut session = Self {
            side: Side::new(tls)?,
            partial: Vec::new(),
            sealed: OutputQueue::default(),
            sealed_bytes: 0,
            incoming: Incoming::Open,
            outgoing: End::Open,
        };
        session.send(Outgoing::Nothing, pool)?;
        Ok(session)
    }

    /// Puts into the empty `records` what is to be in front of what is read next.
    pub(crate) fn take_partial(&mut self, records: &mut Buffer) {
        records.retrieve_all();
        records.append(&std::mem::take(&mut self.partial));
    }

    /// Keeps `records` for [`TlsSession::take_partial`]: nothing was read.
    pub(crate) fn keep_partial(&mut self, records: &Buffer) {
        self.partial = records.peek().to_vec();
    }

    /// Opens all whole records of `records` and appends what is in them to `plain`.
    ///
    /// # Errors
    /// `InvalidData` if a record or its place in the handshake is wrong. An alert that says so is
    /// queued then; nothing else can be done with the session.
    pub(crate) fn open(
        &mut self,
        records: &mut Buffer,
        plain: &mut Buffer,
        pool: &mut ChunkPool,
    ) -> io::Result<()> {
        let (used, result) = self.proceed(records.peek_mut(), plain, pool, Outgoing::Nothing);
        records.retrieve(used);
        match self.incoming {
            Incoming::Open => self.keep_partial(records),
            Incoming::Ended => {}
            Incoming::Failed => self.queue_alert(pool),
        }
        result
    }

    /// Seals bytes at the front of `output`, which keeps them until [`TlsSession::consume`] says that
    /// the kernel has their records. Not before the handshake is over.
    pub(crate) fn seal(&mut self, output: &OutputQueue, pool: &mut ChunkPool) -> io::Result<()> {
        let mut slices = [IoSlice::new(&[]); GATHER_MAX];
        let count = output.gather(&mut slices);
        for slice in &slices[..count] {
            let left = SEALED_BYTES_MAX - self.sealed_bytes;
            let bytes = &slice[..slice.len().min(left)];
            if bytes.is_empty() {
                break;
            }
            self.send(Outgoing::Bytes(bytes), pool)?;
            self.sealed_bytes += bytes.len();
        }
        Ok(())
    }

    /// Queues the end of our stream, once; without effect while the handshake goes on.
    pub(crate) fn queue_end(&mut self, pool: &mut ChunkPool) -> io::Result<()> {
        if self.outgoing == End::Queued || self.is_handshaking() {
            return Ok(());
        }
        self.outgoing = End::Queued;
        self.send(Outgoing::End, pool)
    }

    /// Whether the end of our stream is queued or sent.
    pub(crate) fn has_queued_end(&self) -> bool {
        self.outgoing == End::Queued
    }

    /// Records that wait to be sent.
    pub(crate) fn sealed(&self) -> &OutputQueue {
        &self.sealed
    }

    /// Drops `count` bytes of queued records: the kernel took them. Returns how many bytes of output
    /// have thereby gone.
    pub(crate) fn consume(&mut self, count: usize, pool: &mut ChunkPool) -> usize {
        self.sealed.consume(count, pool);
        if self.sealed.is_empty() { std::mem::take(&mut self.sealed_bytes) } else { 0 }
    }

    /// Whether records wait to be sent.
    pub(crate) fn has_sealed(&self) -> bool {
        !self.sealed.is_empty()
    }

    /// Whether nothing can be sealed yet.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.side.common().is_handshaking()
    }

    /// Whether the peer has ended its stream, in the way of TLS.
    pub(crate) fn has_ended(&self) -> bool {
        self.incoming == Incoming::Ended
    }

    /// What rustls knows of the connection.
    pub(crate) fn common(&self) -> &CommonState {
        self.side.common()
    }

    /// Queues `outgoing`. rustls has to see the partial record each time: its memory of a message in
    /// several records points into it.
    fn send(&mut self, outgoing: Outgoing<'_>, pool: &mut ChunkPool) -> io::Result<()> {
        let mut partial = std::mem::take(&mut self.partial);
        let (used, result) = self.proceed(&mut partial, &mut Buffer::new(), pool, outgoing);
        partial.drain(..used);
        self.partial = partial;
        result
    }

    /// Queues what rustls wants to tell the peer of an error, and no step more: after an error it must
    /// not look at records again.
    fn queue_alert(&mut self, pool: &mut ChunkPool) {
        let (plain, sealed) = (&mut Buffer::new(), &mut self.sealed);
        let mut work = Work { plain, sealed, pool, outgoing: Outgoing::Nothing };
        while self.side.common().wants_write() && self.side.step(&mut [], &mut work).1.is_ok() {}
    }

    /// Steps until nothing is left to be done; returns how much of `incoming` is done with. Fails for
    /// good.
    fn proceed(
        &mut self,
        incoming: &mut [u8],
        plain: &mut Buffer,
        pool: &mut ChunkPool,
        outgoing: Outgoing<'_>,
    ) -> (usize, io::Result<()>) {
        if self.incoming == Incoming::Failed {
            return (0, Err(io::ErrorKind::InvalidData.into()));
        }
        let mut work = Work { plain, sealed: &mut self.sealed, pool, outgoing };
        let mut used = 0;
        loop {
            // The program's own verifiers and resolvers run in there.
            let step = || self.side.step(&mut incoming[used..], &mut work);
            let stepped = catch_unwind(AssertUnwindSafe(step));
            let (count, step) = stepped.unwrap_or_else(|_payload| (0, Err(unexpected("a panic"))));
            used += count;
            match step {
                Ok(Step::Again) => {}
                Ok(Step::PeerEnded) => self.incoming = Incoming::Ended,
                Ok(Step::Rest) if incoming.len() - used <= PARTIAL_BYTES_MAX => {
                    return (used, Ok(()));
                }
                Ok(Step::Rest) => return (used, Err(self.fail(TOO_LARGE))),
                Err(error) => return (used, Err(self.fail(error))),
            }
        }
    }

    fn fail(&mut self, error: Error) -> io::Error {
        self.incoming = Incoming::Failed;
        invalid_data(error)
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod hostile;
