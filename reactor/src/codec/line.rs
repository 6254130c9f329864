//! Frames that are lines.

use crate::buffer::Buffer;
use crate::codec::{FRAME_BYTES_MAX, FrameTooLong};
use memchr::memchr;

/// Takes lines out of a stream: they end with `"\n"` or `"\r\n"`, which is left out. The module's
/// page shows one at work.
#[derive(Clone, Copy, Debug)]
pub struct LineDecoder {
    bytes_max: usize,
    /// Bytes at the front of the input in which no line ends.
    searched: usize,
}

impl LineDecoder {
    /// For lines of up to so many bytes without their end.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, searched: 0 }
    }

    /// The next line, if its end is there, lent by `input`. Looks at no byte of `input` twice, as
    /// [`DelimiterDecoder::decode`](crate::codec::DelimiterDecoder::decode).
    ///
    /// # Errors
    /// If the line is too long, also before its end has come.
    pub fn decode<'input>(
        &mut self,
        input: &'input mut Buffer,
    ) -> Result<Option<&'input [u8]>, FrameTooLong> {
        let from = self.searched.min(input.len());
        let found = memchr(b'\n', &input.peek()[from..]).map(|at| from + at);
        let line = &input.peek()[..found.unwrap_or(input.len())];
        let bytes = line.strip_suffix(b"\r").unwrap_or(line).len();
        if bytes > self.bytes_max {
            return Err(FrameTooLong { bytes, bytes_max: self.bytes_max });
        }
        let Some(end) = found else {
            self.searched = input.len();
            return Ok(None);
        };
        self.searched = 0;
        Ok(Some(&input.retrieve_as_slice(end + 1)[..bytes]))
    }
}

impl Default for LineDecoder {
    fn default() -> Self {
        Self::new(FRAME_BYTES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes a stream that comes in pieces of so many bytes.
    fn lines(stream: &[u8], piece: usize) -> Vec<Vec<u8>> {
        let (mut decoder, mut input) = (LineDecoder::default(), Buffer::new());
        let mut lines = Vec::new();
        for piece in stream.chunks(piece) {
            input.append(piece);
            while let Some(line) = decoder.decode(&mut input).unwrap() {
                lines.push(line.to_vec());
            }
        }
        lines
    }

    #[test]
    fn both_ends_of_line_are_known_and_left_out() {
        assert_eq!(lines(b"a\r\n\nb\rc\nrest", 3), [&b"a"[..], b"", b"b\rc"]);
    }

    #[test]
    fn the_end_of_a_line_does_not_count() {
        for piece in [1, 9] {
            let (mut decoder, mut input) = (LineDecoder::new(3), Buffer::new());
            let mut count = 0;
            for piece in b"abc\r\nabc\n".chunks(piece) {
                input.append(piece);
                while let Some(line) = decoder.decode(&mut input).unwrap() {
                    assert_eq!(line, b"abc");
                    count += 1;
                }
            }
            assert_eq!(count, 2, "in pieces of {piece}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_found_out_early_and_for_good() {
        for stream in [&b"abcd"[..], b"abcd\r\n", b"abc\r\r", b"abc\rd", b"abcd\nabc\n"] {
            let (mut decoder, mut input) = (LineDecoder::new(3), Buffer::new());
            input.append(stream);
            let error = decoder.decode(&mut input).unwrap_err();
            assert_eq!(error.bytes_max, 3);
            assert_eq!(decoder.decode(&mut input), Err(error), "{stream:?}");
        }
    }
}
