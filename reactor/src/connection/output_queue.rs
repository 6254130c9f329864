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
}

impl ChunkPool {
    const CHUNKS_MAX: usize = 64;
    const CHUNK_BYTES_MAX: usize = 64 * 1024;

    fn take(&mut self) -> Vec<u8> {
        self.chunks.pop().unwrap_or_default()
    }

    fn put(&mut self, mut chunk: Vec<u8>) {
        let is_useful = (1..=Self::CHUNK_BYTES_MAX).contains(&chunk.capacity());
        if is_useful && self.chunks.len() < Self::CHUNKS_MAX {
            chunk.clear();
            self.chunks.push(chunk);
        }
    }
}

/// The output of one connection.
#[derive(Debug, Default)]
pub(crate) struct OutputQueue {
    segments: VecDeque<Bytes>,
    tail: Vec<u8>,
    tail_sent: usize,
    segment_bytes: usize,
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
        for segment in self.segments.iter().map(Bytes::as_ref).chain([self.tail_unsent()]) {
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
        self.segments.is_empty().then(|| self.tail_unsent())
    }

    /// Drops `count` bytes from the front: the kernel took them.
    pub(crate) fn consume(&mut self, mut count: usize, pool: &mut ChunkPool) {
        debug_assert!(count <= self.len());
        while let Some(segment) = self.segments.front_mut() {
            let taken = count.min(segment.len());
            segment.advance(taken);
            self.segment_bytes -= taken;
            count -= taken;
            if !segment.is_empty() {
                return;
            }
            self.segments.pop_front();
            if self.segments.is_empty() {
                self.segments = VecDeque::new();
            }
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
        self.segment_bytes + self.tail.len() - self.tail_sent
    }

    /// Whether nothing is queued.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn tail_unsent(&self) -> &[u8] {
        &self.tail[self.tail_sent..]
    }

    fn push_segment(&mut self, segment: Bytes) {
        self.segment_bytes += segment.len();
        self.segments.push_back(segment);
    }
}

#[cfg(test)]
mod tests;
