//! Texts that carry a number at a known place, written and read without a parser.

use memchr::memmem;

/// Digits of a number in a text: hexadecimal, so that all have the same length.
pub(crate) const NUMBER_BYTES: usize = 16;

/// Stands for a number while a [`Template`] is built; JSON that people write has no such run.
pub(crate) const PLACE: &str = "################";

const _: () = assert!(PLACE.len() == NUMBER_BYTES);

/// A text of which only the number changes.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    bytes: Vec<u8>,
    places: Vec<usize>,
}

impl Template {
    /// `text` holds [`PLACE`] wherever the number is to stand.
    pub(crate) fn new(text: String) -> Self {
        let places = memmem::find_iter(text.as_bytes(), PLACE).collect();
        Self { bytes: text.into_bytes(), places }
    }

    /// Appends the text with `number`.
    pub(crate) fn write(&self, number: u64, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let digits = digits_of(number);
        for place in &self.places {
            out[start + place..][..NUMBER_BYTES].copy_from_slice(&digits);
        }
    }
}

/// What stands around the number of a received line, learned from the first of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Frame {
    /// The frame of `number` in `line`, up to the end of `until` behind it, or of the line if
    /// `until` is empty. `None` if the number or `until` is not there.
    pub(crate) fn learn(line: &[u8], number: u64, until: &[u8]) -> Option<Self> {
        let start = memmem::find(line, &digits_of(number))?;
        let (before, rest) = (&line[..start], &line[start + NUMBER_BYTES..]);
        let end =
            if until.is_empty() { rest.len() } else { memmem::find(rest, until)? + until.len() };
        Some(Self { before: before.to_vec(), after: rest[..end].to_vec() })
    }

    /// How long a line is that ends with the frame.
    pub(crate) fn bytes(&self) -> usize {
        self.before.len() + NUMBER_BYTES + self.after.len()
    }

    /// The number in `line` and what follows the frame; `None` if anything else is different.
    pub(crate) fn read<'l>(&self, line: &'l [u8]) -> Option<(u64, &'l [u8])> {
        let rest = line.strip_prefix(self.before.as_slice())?;
        let (digits, rest) = rest.split_at_checked(NUMBER_BYTES)?;
        Some((number_in(digits, 16)?, rest.strip_prefix(self.after.as_slice())?))
    }
}

/// `number` as it stands in texts.
pub(crate) fn digits_of(number: u64) -> [u8; NUMBER_BYTES] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    std::array::from_fn(|at| DIGITS[(number >> (60 - 4 * at)) as usize & 0xf])
}

/// The number that `digits` are; `None` if they are none.
pub(crate) fn number_in(digits: &[u8], radix: u32) -> Option<u64> {
    u64::from_str_radix(str::from_utf8(digits).ok()?, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_at_each_place() {
        let mut out = b"before ".to_vec();
        Template::new(format!("a{PLACE}b{PLACE}c")).write(0xfeed, &mut out);
        assert_eq!(out, b"before a000000000000feedb000000000000feedc");
    }

    #[test]
    fn digits_read_back() {
        for number in [0, 1, 0x0123_4567_89ab_cdef, u64::MAX] {
            assert_eq!(number_in(&digits_of(number), 16), Some(number));
        }
        assert_eq!(number_in(b"+x", 16), None);
    }

    #[test]
    fn a_frame_accepts_nothing_but_its_kind() {
        let line = [b"a ".as_slice(), &digits_of(5), b" seq:1 rest"].concat();
        let frame = Frame::learn(&line, 5, b"seq:").unwrap();
        assert_eq!(frame.read(&line), Some((5, b"1 rest".as_slice())));
        assert_eq!(frame.read(b"a 5 seq:1"), None);
        assert_eq!(frame.read(&[b"a ".as_slice(), &digits_of(5), b" sid:1"].concat()), None);
        assert_eq!(Frame::learn(&line, 6, b""), None);
        assert_eq!(Frame::learn(&line, 5, b"mid"), None);
        let whole = Frame::learn(&line, 5, b"").unwrap();
        assert_eq!(whole.read(&line), Some((5, b"".as_slice())));
    }
}
