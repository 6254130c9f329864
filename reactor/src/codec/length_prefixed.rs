//! Frames behind their length.

use crate::buffer::Buffer;
use crate::codec::{FRAME_BYTES_MAX, FrameTooLong};
use bytes::Bytes;

/// The width of a length, which stands in network byte order and does not count itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prefix {
    /// One byte, for up to 255.
    U8,
    /// Two bytes, for up to 65,535.
    U16,
    /// Four bytes, as in muduo's codec.
    #[default]
    U32,
}

impl Prefix {
    fn width(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16 => 2,
            Self::U32 => 4,
        }
    }

    /// The most that can be written with this width.
    fn largest(self) -> usize {
        match self {
            Self::U8 => usize::from(u8::MAX),
            Self::U16 => usize::from(u16::MAX),
            Self::U32 => u32::MAX as usize,
        }
    }

    fn peek(self, input: &Buffer) -> Option<usize> {
        match self {
            Self::U8 => input.peek_u8().map(usize::from),
            Self::U16 => input.peek_u16().map(usize::from),
            Self::U32 => input.peek_u32().map(|length| length as usize),
        }
    }

    /// A frame with its length in front, to be sent to one connection or to many.
    ///
    /// # Errors
    /// If its length cannot be written with this width.
    pub fn encode(self, frame: &[u8]) -> Result<Bytes, FrameTooLong> {
        let mut encoded = Vec::with_capacity(self.width() + frame.len());
        self.encode_to(frame, &mut encoded)?;
        Ok(encoded.into())
    }

    /// Appends a frame with its length in front to others that are sent with it.
    ///
    /// # Errors
    /// If its length cannot be written with this width; then nothing is appended.
    pub fn encode_to(self, frame: &[u8], output: &mut Vec<u8>) -> Result<(), FrameTooLong> {
        if frame.len() > self.largest() {
            return Err(FrameTooLong { bytes: frame.len(), bytes_max: self.largest() });
        }
        let length = (frame.len() as u32).to_be_bytes();
        output.extend_from_slice(&length[length.len() - self.width()..]);
        output.extend_from_slice(frame);
        Ok(())
    }
}

/// Takes frames out of a stream in which each stands behind its length.
///
/// ```
/// use reactor::{Buffer, codec::{LengthDecoder, Prefix}};
///
/// let mut input = Buffer::new();
/// input.append(&Prefix::U32.encode(b"hello")?);
/// assert_eq!(LengthDecoder::default().decode(&mut input)?, Some(&b"hello"[..]));
/// # Ok::<(), reactor::codec::FrameTooLong>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LengthDecoder {
    prefix: Prefix,
    bytes_max: usize,
}

impl LengthDecoder {
    /// For lengths of this width and frames of up to so many bytes.
    pub fn new(prefix: Prefix, bytes_max: usize) -> Self {
        Self { prefix, bytes_max }
    }

    /// The next frame, if all of it is there, lent by `input`.
    ///
    /// # Errors
    /// If the frame is to be too long, as soon as its length is there.
    pub fn decode<'input>(
        &mut self,
        input: &'input mut Buffer,
    ) -> Result<Option<&'input [u8]>, FrameTooLong> {
        let Some(bytes) = self.prefix.peek(input) else { return Ok(None) };
        if bytes > self.bytes_max {
            return Err(FrameTooLong { bytes, bytes_max: self.bytes_max });
        }
        let width = self.prefix.width();
        if input.len() - width < bytes {
            return Ok(None);
        }
        Ok(Some(&input.retrieve_as_slice(width + bytes)[width..]))
    }
}

impl Default for LengthDecoder {
    fn default() -> Self {
        Self::new(Prefix::default(), FRAME_BYTES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn widths_have_their_bytes_and_their_bounds() {
        let cases = [
            (Prefix::U8, &b"\x02ab"[..]),
            (Prefix::U16, b"\0\x02ab"),
            (Prefix::U32, b"\0\0\0\x02ab"),
        ];
        for (prefix, encoded) in cases {
            assert_eq!(prefix.encode(b"ab").unwrap(), encoded, "{prefix:?}");
        }
        assert!(Prefix::U8.encode(&[0; 255]).is_ok());
        let error = Prefix::U8.encode(&[0; 256]).unwrap_err();
        assert_eq!(error, FrameTooLong { bytes: 256, bytes_max: 255 });
    }

    #[test]
    fn what_cannot_be_encoded_leaves_no_trace() {
        let mut output = Vec::new();
        Prefix::U8.encode_to(b"ab", &mut output).unwrap();
        assert!(Prefix::U8.encode_to(&[0; 256], &mut output).is_err());
        Prefix::U8.encode_to(b"", &mut output).unwrap();
        assert_eq!(output, b"\x02ab\0");
    }

    #[test]
    fn a_length_that_is_too_large_is_found_out_before_the_frame_comes_and_for_good() {
        let (mut decoder, mut input) = (LengthDecoder::default(), Buffer::new());
        input.append_u32(u32::MAX);
        let error = Err(FrameTooLong { bytes: u32::MAX as usize, bytes_max: FRAME_BYTES_MAX });
        assert_eq!(decoder.decode(&mut input), error);
        assert_eq!(decoder.decode(&mut input), error);
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded_however_it_comes(
            frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..20),
            piece in 1..50_usize,
        ) {
            let stream: Vec<u8> =
                frames.iter().flat_map(|frame| Prefix::U16.encode(frame).unwrap()).collect();
            let (mut decoder, mut input) = (LengthDecoder::new(Prefix::U16, 300), Buffer::new());
            let mut decoded = Vec::new();
            for piece in stream.chunks(piece) {
                input.append(piece);
                while let Some(frame) = decoder.decode(&mut input).unwrap() {
                    decoded.push(frame.to_vec());
                }
            }
            prop_assert_eq!(decoded, frames);
            prop_assert!(input.is_empty());
        }
    }
}
