//! Text that stands in JSON as it is: nothing in it needs an escape.

/// Bytes before the first quote, backslash or control character.
pub(super) fn plain_bytes(bytes: &[u8]) -> usize {
    let (words, _) = bytes.as_chunks::<8>();
    let mut length = 0;
    for word in words {
        let ends = ends_in(u64::from_le_bytes(*word));
        if ends != 0 {
            return length + ends.trailing_zeros() as usize / 8;
        }
        length += 8;
    }
    let tail = &bytes[length..];
    length + tail.iter().position(|byte| ends_plain(*byte)).unwrap_or(tail.len())
}

fn ends_plain(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | ..=0x1f)
}

/// Eight bytes at a time: the high bit of the first one that ends plain text is set, and none
/// before it. Those behind it may be wrong, by borrows.
fn ends_in(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGHS: u64 = ONES << 7;
    // With one bit turned the quote, 0x22, stands right behind the control characters.
    let control_or_quote = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
    let backslash = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    (control_or_quote | backslash) & !word & HIGHS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_ends_plain_text_or_not_at_every_place() {
        for byte in 0..=u8::MAX {
            for place in 0..20 {
                let mut bytes = [b'a'; 20];
                bytes[place] = byte;
                let expected = if ends_plain(byte) { place } else { 20 };
                assert_eq!(plain_bytes(&bytes), expected, "{byte:#x} at {place}");
            }
        }
    }
}
