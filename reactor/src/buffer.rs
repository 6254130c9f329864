//! A growing run of bytes with cheap room in front, muduo's `Buffer`.
//!
//! ```text
//! +-------------------+------------------+------------------+
//! | prependable bytes |  readable bytes  |  writable bytes  |
//! +-------------------+------------------+------------------+
//! 0      <=         reader     <=      writer     <=    capacity
//! ```

/// Bytes kept free in front of the first byte, enough for a 64-bit length.
pub const CHEAP_PREPEND: usize = 8;

/// Bytes waiting to be read at the front and appended at the back.
///
/// An empty buffer made by [`Buffer::new`] holds no memory. Integers are in network byte order.
///
/// ```
/// let mut buffer = reactor::Buffer::new();
/// buffer.append(b"hello");
/// buffer.prepend_u32(5);
/// assert_eq!(buffer.read_u32(), Some(5));
/// assert_eq!(buffer.peek(), b"hello");
/// buffer.retrieve_all();
/// assert!(buffer.is_empty());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Buffer {
    // Invariant: reader <= writer <= storage.len(); all of storage is initialised.
    storage: Vec<u8>,
    reader: usize,
    writer: usize,
}

impl Buffer {
    /// An empty buffer without memory.
    pub const fn new() -> Self {
        Self { storage: Vec::new(), reader: 0, writer: 0 }
    }

    /// An empty buffer with room for `capacity` bytes behind the cheap prepend.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            storage: vec![0; CHEAP_PREPEND + capacity],
            reader: CHEAP_PREPEND,
            writer: CHEAP_PREPEND,
        }
    }

    /// The number of readable bytes.
    pub fn len(&self) -> usize {
        self.writer - self.reader
    }

    /// Whether no byte is readable.
    pub fn is_empty(&self) -> bool {
        self.reader == self.writer
    }

    /// Bytes that can be appended without growing.
    pub fn writable_bytes(&self) -> usize {
        self.storage.len() - self.writer
    }

    /// Bytes that can be prepended without moving the others.
    pub fn prependable_bytes(&self) -> usize {
        self.reader
    }

    /// Bytes of memory held.
    pub fn capacity(&self) -> usize {
        self.storage.capacity()
    }

    /// The readable bytes.
    pub fn peek(&self) -> &[u8] {
        &self.storage[self.reader..self.writer]
    }

    /// The readable bytes, to be changed in place.
    pub fn peek_mut(&mut self) -> &mut [u8] {
        &mut self.storage[self.reader..self.writer]
    }

    /// Drops `count` bytes from the front.
    ///
    /// # Panics
    /// If fewer than `count` bytes are readable.
    pub fn retrieve(&mut self, count: usize) {
        assert!(count <= self.len(), "retrieve({count}) of {} readable bytes", self.len());
        self.reader += count;
        if self.is_empty() {
            self.retrieve_all();
        }
    }

    /// Drops all readable bytes; the memory stays.
    pub fn retrieve_all(&mut self) {
        let start = CHEAP_PREPEND.min(self.storage.len());
        self.reader = start;
        self.writer = start;
    }

    /// Removes and returns the first `count` bytes.
    ///
    /// # Panics
    /// If fewer than `count` bytes are readable.
    pub fn retrieve_as_vec(&mut self, count: usize) -> Vec<u8> {
        let bytes = self.peek()[..count].to_vec();
        self.retrieve(count);
        bytes
    }

    /// Takes the first `count` bytes and lends them, without a copy, until the buffer is used again.
    ///
    /// # Panics
    /// If fewer than `count` bytes are readable.
    pub fn retrieve_as_slice(&mut self, count: usize) -> &[u8] {
        let start = self.reader;
        self.retrieve(count);
        &self.storage[start..start + count]
    }

    /// Adds `bytes` at the back.
    pub fn append(&mut self, bytes: &[u8]) {
        self.ensure_writable(bytes.len());
        self.storage[self.writer..self.writer + bytes.len()].copy_from_slice(bytes);
        self.writer += bytes.len();
    }

    /// Adds `bytes` in front; free of moves up to [`Buffer::prependable_bytes`].
    pub fn prepend(&mut self, bytes: &[u8]) {
        if bytes.len() > self.reader {
            let readable = self.reader..self.writer;
            let mut moved = Self::with_capacity(bytes.len() + readable.len());
            moved.writer += bytes.len();
            moved.reader = moved.writer;
            moved.append(&self.storage[readable]);
            *self = moved;
        }
        self.reader -= bytes.len();
        self.storage[self.reader..self.reader + bytes.len()].copy_from_slice(bytes);
    }

    /// Makes at least `count` bytes writable, by moving the readable ones or by growing.
    ///
    /// They are moved only if more bytes were retrieved than would move, so that every byte is
    /// moved once at most, however long the buffer is.
    pub fn ensure_writable(&mut self, count: usize) {
        if self.writable_bytes() >= count {
            return;
        }
        let length = self.len();
        let end_if_moved = CHEAP_PREPEND + length;
        if self.reader >= end_if_moved || length == 0 {
            self.storage.resize(self.storage.len().max(end_if_moved), 0);
            self.storage.copy_within(self.reader..self.writer, CHEAP_PREPEND);
            self.reader = CHEAP_PREPEND;
            self.writer = end_if_moved;
        }
        if self.writable_bytes() < count {
            self.storage.resize(self.writer + count, 0);
        }
    }

    /// The writable bytes; what is put there counts after [`Buffer::has_written`].
    pub fn writable_mut(&mut self) -> &mut [u8] {
        &mut self.storage[self.writer..]
    }

    /// Makes the first `count` writable bytes readable.
    ///
    /// # Panics
    /// If fewer than `count` bytes are writable.
    pub fn has_written(&mut self, count: usize) {
        assert!(count <= self.writable_bytes(), "more bytes than there was room for");
        self.writer += count;
    }

    /// Takes back the last `count` readable bytes.
    ///
    /// # Panics
    /// If fewer than `count` bytes are readable.
    pub fn unwrite(&mut self, count: usize) {
        assert!(count <= self.len(), "unwrite({count}) of {} readable bytes", self.len());
        self.writer -= count;
    }

    /// Gives back memory, except room for `reserve` more bytes.
    pub fn shrink(&mut self, reserve: usize) {
        let mut shrunk = Self::with_capacity(self.len() + reserve);
        shrunk.append(self.peek());
        *self = shrunk;
    }

    /// The offset of the first `"\r\n"` at or after offset `from` of the readable bytes.
    pub fn find_crlf(&self, from: usize) -> Option<usize> {
        let bytes = self.peek().get(from..)?;
        bytes.windows(2).position(|pair| pair == b"\r\n").map(|at| from + at)
    }

    /// The offset of the first `'\n'` at or after offset `from` of the readable bytes.
    pub fn find_eol(&self, from: usize) -> Option<usize> {
        let bytes = self.peek().get(from..)?;
        bytes.iter().position(|&byte| byte == b'\n').map(|at| from + at)
    }
}

/// The four operations muduo has for each width of integer.
macro_rules! integers {
    ($($integer:ty, $append:ident, $prepend:ident, $peek:ident, $read:ident;)*) => {
        /// Integers in network byte order. A read of too few bytes is `None` and takes nothing.
        impl Buffer {
            $(
                #[doc = concat!("Appends a `", stringify!($integer), "`.")]
                pub fn $append(&mut self, value: $integer) {
                    self.append(&value.to_be_bytes());
                }

                #[doc = concat!("Prepends a `", stringify!($integer), "`.")]
                pub fn $prepend(&mut self, value: $integer) {
                    self.prepend(&value.to_be_bytes());
                }

                #[doc = concat!("The `", stringify!($integer), "` at the front, left in place.")]
                pub fn $peek(&self) -> Option<$integer> {
                    self.peek().first_chunk().map(|bytes| <$integer>::from_be_bytes(*bytes))
                }

                #[doc = concat!("Removes and returns the `", stringify!($integer), "` at the front.")]
                pub fn $read(&mut self) -> Option<$integer> {
                    let value = self.$peek()?;
                    self.retrieve(size_of::<$integer>());
                    Some(value)
                }
            )*
        }
    };
}

integers! {
    u8, append_u8, prepend_u8, peek_u8, read_u8;
    u16, append_u16, prepend_u16, peek_u16, read_u16;
    u32, append_u32, prepend_u32, peek_u32, read_u32;
    u64, append_u64, prepend_u64, peek_u64, read_u64;
}

#[cfg(test)]
mod tests;
