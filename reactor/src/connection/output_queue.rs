//! Bytes that wait for the kernel to take them: shared segments in front, one own chunk behind.
//!
//! ```text
//! | Bytes | Bytes | ... | tail: sent .. unsent |
//!   front                              back
//! ```
//!
//! Small pieces are copied together into the tail; large [`Bytes`] stay shared, so that one
//! message to many connections is never copied. An empty queue holds no memory.

use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::io::IoSlice;

/// From this size on sharing is cheaper than a copy: a copy of a page costs about as much as
/// one more segment in a vectored write.
pub(crate) const SHARED_BYTES_MIN: usize = 4096;
/// Segments offered in one vectored write.
pub(crate) const GATHER_MAX: usize = 32;

/// Chunks kept for reuse, so that a message costs no allocation.
#[derive(Debug, Default)]
pub(crate) struct ChunkPool {
    chunks: Vec<Vec<u8>>,
    bytes: usize,
}

impl ChunkPool {
    /// Bytes of all chunks: those of a turn that writes to a thousand connections a little each.
    const BYTES_MAX: usize = 512 * 1024;
    const CHUNK_BYTES_MAX: usize = 64 * 1024;

    fn take(&mut self) -> Vec<u8> {
        let chunk = self.chunks.pop().unwrap_or_default();
        self.bytes -= chunk.capacity();
        chunk
    }

    fn put(&mut self, mut chunk: Vec<u8>) {
        let capacity = chunk.capacity();
        let is_useful = (1..=Self::CHUNK_BYTES_MAX).contains(&capacity);
        if is_useful && self.bytes + capacity <= Self::BYTES_MAX {
            self.bytes += capacity;
            chunk.clear();
            self.chunks.push(chunk);
        }
    }
}

/// The output of one connection.
#[derive(Debug, Default)]
pub(crate) struct OutputQueue {
    tail: Vec<u8>,
    tail_sent: usize,
    /// Boxed, since every connection has a queue and few have any of these.
    shared: Option<Box<Shared>>,
}

/// What lies in front of the tail; never empty.
#[derive(Debug, Default)]
struct Shared {
    segments: VecDeque<Bytes>,
    bytes: usize,
}

impl OutputQueue {
    /// Copies `bytes` to the back.
    pub(crate) fn append(&mut self, bytes: &[u8], pool: &mut ChunkPool) {
        if !bytes.is_empty() {
            self.ready_tail(pool);
            self.tail.extend_from_slice(bytes);
        }
    }

    /// Adds what `fill` writes into a space of `size` bytes at the back; nothing if it fails.
    #[cfg(feature = "tls")]
    pub(crate) fn append_with<Failure>(
        &mut self,
        size: usize,
        pool: &mut ChunkPool,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, Failure>,
    ) -> Result<(), Failure> {
        self.ready_tail(pool);
        let end = self.tail.len();
        self.tail.resize(end + size, 0);
        let filled = fill(&mut self.tail[end..]);
        self.tail.truncate(end + filled.as_ref().map_or(0, |&count| count));
        filled.map(|_count| ())
    }

    /// Has the tail ready to grow.
    fn ready_tail(&mut self, pool: &mut ChunkPool) {
        if self.tail.capacity() == 0 {
            self.tail = pool.take();
        }
        // Sent bytes are dropped once they outweigh the rest: constant cost a byte, and the
        // memory stays within twice of what is queued.
        if self.tail_sent > self.tail.len() / 2 {
            self.tail.drain(..self.tail_sent);
            self.tail_sent = 0;
        }
    }

    /// Adds `bytes` at the back, shared if they are many.
    pub(crate) fn append_shared(&mut self, bytes: Bytes, pool: &mut ChunkPool) {
        if bytes.len() < SHARED_BYTES_MIN {
            self.append(&bytes, pool);
            return;
        }
        if !self.tail.is_empty() {
            let tail = Bytes::from(std::mem::take(&mut self.tail)).slice(self.tail_sent..);
            self.tail_sent = 0;
            self.push_segment(tail);
        }
        self.push_segment(bytes);
    }

    /// The bytes at the front, as slices for one write.
    pub(crate) fn gather<'a>(&'a self, slices: &mut [IoSlice<'a>; GATHER_MAX]) -> usize {
        let mut count = 0;
        let shared = self.shared.iter().flat_map(|shared| &shared.segments);
        for segment in shared.map(Bytes::as_ref).chain([self.tail_unsent()]) {
            if count == GATHER_MAX || segment.is_empty() {
                break;
            }
            slices[count] = IoSlice::new(segment);
            count += 1;
        }
        count
    }

    /// All queued bytes, if they lie in one piece.
    pub(crate) fn contiguous(&self) -> Option<&[u8]> {
        self.shared.is_none().then(|| self.tail_unsent())
    }

    /// Drops `count` bytes from the front: the kernel took them.
    pub(crate) fn consume(&mut self, mut count: usize, pool: &mut ChunkPool) {
        debug_assert!(count <= self.len());
        if let Some(shared) = &mut self.shared {
            count = shared.consume(count);
            if !shared.segments.is_empty() {
                return;
            }
            self.shared = None;
        }
        self.tail_sent += count;
        if self.tail_sent == self.tail.len() {
            self.tail_sent = 0;
            pool.put(std::mem::take(&mut self.tail));
        }
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Bytes queued.
    pub(crate) fn len(&self) -> usize {
        let shared = self.shared.as_ref().map_or(0, |shared| shared.bytes);
        shared + self.tail.len() - self.tail_sent
    }

    /// Whether nothing is queued.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn tail_unsent(&self) -> &[u8] {
        &self.tail[self.tail_sent..]
    }

    fn push_segment(&mut self, segment: Bytes) {
        let shared = self.shared.get_or_insert_default();
        shared.bytes += segment.len();
        shared.segments.push_back(segment);
    }
}

impl Shared {
    /// Drops up to `count` bytes from the front; returns how many are left to be dropped behind.
    fn consume(&mut self, mut count: usize) -> usize {
        while let Some(segment) = self.segments.front_mut() {
            let taken = count.min(segment.len());
            segment.advance(taken);
            self.bytes -= taken;
            count -= taken;
            if !segment.is_empty() {
                break;
            }
            self.segments.pop_front();
        }
        count
    }
}

#[cfg(test)]
mod tests;
