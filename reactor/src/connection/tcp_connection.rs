//! One connection: its socket, its two byte queues and its state. Knows no service.

use crate::buffer::Buffer;
use crate::connection::deadlines::{Activity, Deadlines};
use crate::connection::options::ConnectionOptions;
use crate::connection::output_queue::{ChunkPool, GATHER_MAX, OutputQueue};
use crate::connection::state::{ConnectionState, InputFlow};
use crate::driver::address::Address;
use crate::driver::channel::Channel;
use crate::driver::poller::Watch;
use crate::driver::stream::Stream;
use crate::event_loop::stats::LoopCounters;
use crate::event_loop::timer_queue::TimerId;
use crate::event_loop::token::Key;
use crate::server::population::CountedConnection;
use crate::tls::TlsSession;
use std::io::{self, IoSlice};

mod secured;

/// Bytes asked for in one read. muduo reads up to 128 KiB; 64 KiB stays in the second-level
/// cache together with what handles it.
pub(crate) const READ_BYTES: usize = 64 * 1024;

/// The most that is thrown away before a close, so that a peer that goes on sending cannot hold
/// the loop: above the 6 MiB that Linux lets the receive buffer of a socket grow to by default.
const DISCARD_MAX: usize = 8 << 20;

/// What one read brought.
#[derive(Debug)]
pub(crate) enum ReadOutcome {
    /// So many bytes from the socket; with TLS they may hold fewer for the service, or none.
    Bytes(usize),
    EndOfStream,
    Drained,
    Failed(io::ErrorKind),
}

/// What writes did.
#[derive(Debug)]
pub(crate) struct Flushed {
    pub(crate) bytes: usize,
    pub(crate) writes: u64,
    pub(crate) result: io::Result<()>,
}

impl Default for Flushed {
    fn default() -> Self {
        Self { bytes: 0, writes: 0, result: Ok(()) }
    }
}

impl Flushed {
    /// Notes what a write of some bytes out of those offered came to; returns how many were taken, for
    /// the caller to count.
    fn note(&mut self, result: io::Result<(usize, usize)>, channel: &mut Channel) -> usize {
        self.writes += 1;
        match result {
            Ok((written, offered)) => {
                if written < offered {
                    channel.handle_write_blocked();
                }
                written
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                channel.handle_write_blocked();
                0
            }
            Err(error) => {
                self.result = Err(error);
                0
            }
        }
    }
}

/// What a service is to be told after a flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    WriteComplete,
    HighWater(usize),
    LowWater,
}

impl Notice {
    /// The mark that was reached, if it tells of one.
    pub(crate) fn level(self) -> Option<WaterLevel> {
        match self {
            Self::WriteComplete => None,
            Self::HighWater(_) => Some(WaterLevel::High),
            Self::LowWater => Some(WaterLevel::Low),
        }
    }
}

/// Where the output queue is with regard to the two marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaterLevel {
    Low,
    High,
}

/// From this size on a send goes to the kernel at once instead of to the queue: the copy would cost
/// more than gathering saves, for such a piece fills its segments by itself.
pub(crate) const DIRECT_BYTES_MIN: usize = 4096;

/// What the lists of the table have to know of the connection, so that it is in each at most once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Listed {
    pub(crate) dirty: bool,
    pub(crate) ready: bool,
    /// Output was written past the queue since the last flush.
    pub(crate) written: bool,
}

/// A new connection on its way to a table.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) stream: Stream,
    pub(crate) peer: Address,
    pub(crate) counted: CountedConnection,
}

/// A connection of a table. A message that goes to thousands finds none of them in the caches, so
/// what it needs of each comes first, in two lines of 64 bytes.
#[repr(C, align(64))]
pub(crate) struct TcpConnection<State> {
    pub(crate) key: Key,
    pub(crate) output: OutputQueue,
    pub(crate) stream: Stream,
    pub(crate) state: ConnectionState,
    pub(crate) flow: InputFlow,
    pub(crate) channel: Channel,
    pub(crate) watch: Watch,
    pub(crate) water: WaterLevel,
    pub(crate) listed: Listed,
    /// Lies between the socket and the two queues.
    pub(crate) tls: Option<Box<TlsSession>>,
    /// Bytes that the kernel took so far.
    pub(crate) bytes_written: u64,
    /// Bytes that the last flush left in the queue.
    pub(crate) left: usize,
    pub(crate) deadlines: Deadlines,
    /// Gets what is received here, instead of the service.
    pub(crate) link: Option<Key>,
    pub(crate) user: State,
    /// Bytes that the service left unread; without memory most of the time.
    pub(crate) input: Buffer,
    pub(crate) peer: Address,
    /// Timers of the service, cancelled when the connection closes.
    pub(crate) timers: Vec<TimerId>,
    /// The next look at the deadlines.
    pub(crate) deadline_timer: Option<TimerId>,
    /// Armed while TLS shakes hands.
    pub(crate) handshake_timer: Option<TimerId>,
    /// Armed when the end was asked for.
    pub(crate) closing_timer: Option<TimerId>,
    /// Until the service was told of the end.
    pub(crate) counted: Option<CountedConnection>,
}

impl<State> TcpConnection<State> {
    pub(crate) fn new(key: Key, arrival: Arrival, deadlines: Deadlines, user: State) -> Self {
        let Arrival { stream, peer, counted } = arrival;
        Self {
            key,
            stream,
            tls: None,
            peer,
            state: ConnectionState::Connecting,
            flow: InputFlow::Reading,
            channel: Channel::new(),
            watch: Watch::Input,
            input: Buffer::new(),
            output: OutputQueue::default(),
            bytes_written: 0,
            left: 0,
            water: WaterLevel::Low,
            listed: Listed::default(),
            timers: Vec::new(),
            link: None,
            deadlines,
            deadline_timer: None,
            handshake_timer: None,
            closing_timer: None,
            counted: Some(counted),
            user,
        }
    }

    /// Reads once into `scratch`, which it empties first; with TLS by way of `records`.
    pub(crate) fn read_into(
        &mut self,
        scratch: &mut Buffer,
        records: &mut Buffer,
        pool: &mut ChunkPool,
    ) -> ReadOutcome {
        scratch.retrieve_all();
        match self.tls {
            None => self.read_stream(scratch),
            Some(_) => self.read_records(scratch, records, pool),
        }
    }

    /// Reads once what comes from the socket, and appends it to `bytes`.
    fn read_stream(&mut self, bytes: &mut Buffer) -> ReadOutcome {
        bytes.ensure_writable(READ_BYTES);
        let space = &mut bytes.writable_mut()[..READ_BYTES];
        let result = retry_interrupted(|| self.stream.read(space));
        match result {
            Ok(0) => {
                self.channel.handle_read_drained();
                ReadOutcome::EndOfStream
            }
            Ok(count) => {
                bytes.has_written(count);
                self.channel.handle_read(count, READ_BYTES);
                ReadOutcome::Bytes(count)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.channel.handle_read_drained();
                ReadOutcome::Drained
            }
            Err(error) => ReadOutcome::Failed(error.kind()),
        }
    }

    /// Writes until the queue is empty or the kernel takes no more.
    pub(crate) fn flush(&mut self, pool: &mut ChunkPool) -> Flushed {
        if self.tls.is_some() {
            return self.flush_records(pool);
        }
        let mut flushed = Flushed::default();
        while !self.output.is_empty() && self.channel.is_writable() && flushed.result.is_ok() {
            let result = retry_interrupted(|| write_front(&self.output, &self.stream));
            let written = flushed.note(result, &mut self.channel);
            self.output.consume(written, pool);
            self.bytes_written += written as u64;
            flushed.bytes += written;
        }
        flushed
    }

    /// Queues `bytes`, or as much of them as the kernel does not take at once.
    pub(crate) fn send_through(&mut self, bytes: &[u8], pool: &mut ChunkPool) -> Flushed {
        let mut flushed = Flushed::default();
        let mut written = 0;
        let is_direct = bytes.len() >= DIRECT_BYTES_MIN && self.tls.is_none();
        if is_direct && self.output.is_empty() && self.channel.is_writable() {
            let result = retry_interrupted(|| Ok((self.stream.write(bytes)?, bytes.len())));
            written = flushed.note(result, &mut self.channel);
            self.bytes_written += written as u64;
            flushed.bytes += written;
        }
        self.output.append(&bytes[written..], pool);
        flushed
    }

    /// Throws away input that has arrived, up to [`DISCARD_MAX`] bytes: closing a socket with
    /// unread bytes resets the connection, and the reset may overtake our last words.
    pub(crate) fn discard_input(&mut self, scratch: &mut Buffer) {
        if self.flow == InputFlow::Ended && self.tls.is_none() {
            // Nothing comes behind the end; that of TLS is not the end of the socket.
            return;
        }
        let mut discarded = 0;
        while discarded < DISCARD_MAX {
            scratch.retrieve_all();
            let ReadOutcome::Bytes(count) = self.read_stream(scratch) else { break };
            discarded += count;
        }
        scratch.retrieve_all();
    }

    /// Whether the queue has reached one of the marks since the last look.
    pub(crate) fn note_level(&mut self, options: &ConnectionOptions) -> Option<Notice> {
        let queued = self.output.len();
        match self.water {
            WaterLevel::Low if queued >= options.high_water && queued > 0 => {
                self.water = WaterLevel::High;
                Some(Notice::HighWater(queued))
            }
            WaterLevel::High if queued <= options.low_water => {
                self.water = WaterLevel::Low;
                Some(Notice::LowWater)
            }
            _ => None,
        }
    }

    /// Keeps the loop's count of bytes that the kernel did not take.
    pub(crate) fn count_left(&mut self, counters: &LoopCounters) {
        let queued = self.output.len();
        let left = std::mem::replace(&mut self.left, queued);
        if left != queued {
            counters.bytes_queued.subtract(left as u64);
            counters.bytes_queued.add(queued as u64);
        }
    }

    /// What the deadlines have to know.
    pub(crate) fn activity(&self) -> Activity {
        Activity {
            awaits_input: self.flow == InputFlow::Reading && self.state.delivers_input(),
            has_output: self.has_output(),
        }
    }

    /// Whether a read is wanted and may bring something.
    pub(crate) fn wants_read(&self) -> bool {
        let is_wanted = self.flow == InputFlow::Reading && self.state.delivers_input();
        // A handshake is not the service's input, and all that it sends waits for the end of it.
        (is_wanted || self.is_handshaking()) && self.channel.is_readable()
    }
}

/// Writes what is at the front of a queue; returns bytes written and offered.
fn write_front(queue: &OutputQueue, stream: &Stream) -> io::Result<(usize, usize)> {
    if let Some(bytes) = queue.contiguous() {
        return Ok((stream.write(bytes)?, bytes.len()));
    }
    let mut slices = [IoSlice::new(&[]); GATHER_MAX];
    let count = queue.gather(&mut slices);
    let slices = &slices[..count];
    let offered = slices.iter().map(|slice| slice.len()).sum();
    Ok((stream.write_gathered(slices)?, offered))
}

fn retry_interrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests;
