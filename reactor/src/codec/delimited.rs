//! Frames that end with certain bytes.

use crate::buffer::Buffer;
use crate::codec::{FRAME_BYTES_MAX, FrameTooLong};
use memchr::memmem::Finder;

/// Takes frames out of a stream in which each is followed by a delimiter, which is left out.
///
/// ```
/// use reactor::{Buffer, codec::DelimiterDecoder};
///
/// let mut decoder = DelimiterDecoder::new(b"--");
/// let mut input = Buffer::new();
/// input.append(b"one--two-");
/// assert_eq!(decoder.decode(&mut input)?, Some(&b"one"[..]));
/// assert_eq!(decoder.decode(&mut input)?, None);
/// input.append(b"-");
/// assert_eq!(decoder.decode(&mut input)?, Some(&b"two"[..]));
/// # Ok::<(), reactor::codec::FrameTooLong>(())
/// ```
#[derive(Clone, Debug)]
pub struct DelimiterDecoder {
    finder: Finder<'static>,
    bytes_max: usize,
    /// Bytes at the front of the input in which no delimiter begins.
    searched: usize,
}

impl DelimiterDecoder {
    /// For a delimiter, which must not be empty, and frames of up to [`FRAME_BYTES_MAX`] bytes.
    ///
    /// # Panics
    /// If `delimiter` is empty.
    pub fn new(delimiter: &[u8]) -> Self {
        assert!(!delimiter.is_empty(), "everything ends with an empty delimiter");
        let finder = Finder::new(delimiter).into_owned();
        Self { finder, bytes_max: FRAME_BYTES_MAX, searched: 0 }
    }

    /// Allows frames of up to so many bytes without the delimiter.
    pub fn frame_bytes_max(mut self, count: usize) -> Self {
        self.bytes_max = count;
        self
    }

    /// The next frame, if all of it is there, lent by `input`. Looks at no byte of `input` twice,
    /// however small the pieces are in which it comes, as long as nobody else takes from it.
    ///
    /// # Errors
    /// If the frame is too long, also before its end has come.
    pub fn decode<'input>(
        &mut self,
        input: &'input mut Buffer,
    ) -> Result<Option<&'input [u8]>, FrameTooLong> {
        let delimiter = self.finder.needle().len();
        let from = self.searched.min(input.len());
        let found = self.finder.find(&input.peek()[from..]).map(|at| from + at);
        let bytes = found.unwrap_or_else(|| (input.len() + 1).saturating_sub(delimiter));
        if bytes > self.bytes_max {
            return Err(FrameTooLong { bytes, bytes_max: self.bytes_max });
        }
        if found.is_none() {
            self.searched = bytes;
            return Ok(None);
        }
        self.searched = 0;
        Ok(Some(&input.retrieve_as_slice(bytes + delimiter)[..bytes]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delimiter_may_come_in_two_pieces() {
        let (mut decoder, mut input) = (DelimiterDecoder::new(b"END"), Buffer::new());
        for piece in [&b"oneE"[..], b"N", b"DEN"] {
            input.append(piece);
            if let Some(frame) = decoder.decode(&mut input).unwrap() {
                assert_eq!(frame, &b"one"[..]);
            }
        }
        assert_eq!(input.peek(), b"EN");
        input.append(b"D");
        assert_eq!(decoder.decode(&mut input), Ok(Some(&b""[..])));
    }

    #[test]
    fn a_frame_that_is_too_long_is_found_out_early_and_for_good() {
        let (mut decoder, mut input) =
            (DelimiterDecoder::new(b"\r\n").frame_bytes_max(3), Buffer::new());
        input.append(b"abc\r");
        assert_eq!(decoder.decode(&mut input), Ok(None), "it may end here");
        input.append(b"d");
        let error = Err(FrameTooLong { bytes: 4, bytes_max: 3 });
        assert_eq!(decoder.decode(&mut input), error);
        assert_eq!(decoder.decode(&mut input), error);
    }
}
