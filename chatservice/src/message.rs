//! A chat message as the server carries it: who sent it, its two ids, and the object that
//! recipients get, encoded once and shared by all of them.

use std::fmt;

use chatproto::{ChatObject, UserId};
use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// The server's id of a message. Sids sort in the order in which their server took the messages.
///
/// Layout, most significant first: 48 bits milliseconds since 1970, 16 bits origin (from the node's
/// random number and the loop's), 12 random bits of the start, 20 bits counter. Two loops of a
/// cluster make the same one if all of it is the same: of 24 loops any two agree in the random
/// bits once in a million starts, and then they still need the same millisecond and count.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Sid(pub u128);

/// The digits of each byte.
static PAIRS: [[u8; 2]; 256] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [DIGITS[byte >> 4], DIGITS[byte & 0xf]];
        byte += 1;
    }
    pairs
};

impl Sid {
    /// The sid in text.
    pub fn text(self) -> SidText {
        let mut digits = [0; 24];
        let bytes = self.0.to_be_bytes();
        for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(&bytes[4..]) {
            *pair = PAIRS[usize::from(*byte)];
        }
        SidText(digits)
    }

    /// Reads what [`fmt::Display`] wrote; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let canonical = text.len() == 24 && text.bytes().all(|b| b.is_ascii_hexdigit());
        canonical.then(|| u128::from_str_radix(text, 16).ok().map(Self)).flatten()
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

/// A sid as it stands on the wire: 24 hexadecimal digits, so that sids sort as text as they do as
/// numbers. Made by hand, since every push has one and formatting a `u128` costs as much as the
/// rest of the push.
pub struct SidText([u8; 24]);

impl SidText {
    /// The digits.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("hexadecimal digits are ASCII")
    }
}

/// Whether a message went to one user or to a group; storage keeps the text of a group message
/// once for all its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Audience {
    /// One recipient.
    One,
    /// Every other member of a group.
    Group,
}

/// One chat message on its way to its recipients. Immutable, shared by `Arc`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The server's id.
    pub sid: Sid,
    /// Who sent it, as the login says.
    pub sender: UserId,
    /// The sender's id of it, or one that the server made; (sender, mid) tells a repeat.
    pub mid: CompactString,
    /// One recipient or a group.
    pub audience: Audience,
    /// What recipients get.
    pub object: ChatObject,
}

impl Message {
    /// Roughly what it occupies in memory, in bytes; what bounds on queues count.
    pub fn size(&self) -> usize {
        self.object.text_bytes() + self.mid.len() + size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sids_sort_as_text_and_read_back() {
        let (small, large) = (Sid(0xff), Sid(1 << 90));
        assert!(small.to_string() < large.to_string());
        assert_eq!(Sid::parse(&large.to_string()), Some(large));
        assert_eq!(Sid(0x0123_4567_89ab_cdef).to_string(), "000000000123456789abcdef");
        assert_eq!(Sid::parse("12"), None);
        assert_eq!(Sid::parse("+00000000000000000000001"), None);
    }
}
