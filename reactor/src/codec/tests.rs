use super::*;
use crate::buffer::Buffer;
use proptest::prelude::*;

/// What comes before the first error, and whether there is one.
fn decode_all(
    stream: &[u8],
    piece: usize,
    mut decode: impl FnMut(&mut Buffer) -> Result<Option<Vec<u8>>, FrameTooLong>,
) -> (Vec<Vec<u8>>, bool) {
    let (mut input, mut frames) = (Buffer::new(), Vec::new());
    for piece in stream.chunks(piece) {
        input.append(piece);
        loop {
            match decode(&mut input) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(_) => return (frames, true),
            }
        }
    }
    (frames, false)
}

proptest! {
    #[test]
    fn pieces_make_no_difference_to_lines_nor_to_their_bound(
        stream in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..200),
        piece in 1..20_usize,
        bytes_max in 0..20_usize,
    ) {
        let decode = |piece| {
            let mut decoder = LineDecoder::new(bytes_max);
            decode_all(&stream, piece, |input| Ok(decoder.decode(input)?.map(<[u8]>::to_vec)))
        };
        let (lines, failed) = decode(piece);
        prop_assert!(lines.iter().all(|line| line.len() <= bytes_max && !line.contains(&b'\n')));
        prop_assert_eq!((lines, failed), decode(stream.len().max(1)));
    }

    #[test]
    fn frames_are_what_stands_between_delimiters(
        stream in proptest::collection::vec(b'a'..=b'b', 0..200),
        delimiter in proptest::collection::vec(b'a'..=b'b', 1..4),
        piece in 1..20_usize,
        bytes_max in 0..20_usize,
    ) {
        let (mut frames, mut rest) = (Vec::new(), &stream[..]);
        let too_long = loop {
            let end = rest.windows(delimiter.len()).position(|window| window == delimiter);
            if end.unwrap_or_else(|| (rest.len() + 1).saturating_sub(delimiter.len())) > bytes_max {
                break true;
            }
            let Some(end) = end else { break false };
            frames.push(rest[..end].to_vec());
            rest = &rest[end + delimiter.len()..];
        };
        let mut decoder = DelimiterDecoder::new(&delimiter).frame_bytes_max(bytes_max);
        let decoded =
            decode_all(&stream, piece, |input| Ok(decoder.decode(input)?.map(<[u8]>::to_vec)));
        prop_assert_eq!(decoded, (frames, too_long));
    }
}
