//! Decodes the requests that come by the million, straight from the stream: chats and what
//! acknowledges them, when they are written plainly.
//!
//! One pass finds the end of the object and its fields. Whatever is not plain is left to the
//! [`Framer`](crate::Framer) and [`decode`](crate::decode), which know all of JSON and tell what is
//! wrong; a request that is read here reads the same there.

use super::plain::plain_bytes;
use crate::codes::msgid;
use crate::framing::count_separators;
use crate::limits::{MID_CHARACTERS_MAX, TIME_CHARACTERS_MAX, is_within};
use crate::{Envelope, GroupId, Request, UserId};
use std::borrow::Cow;
use std::ops::Range;

/// The request that `unread` begins with and the bytes that it takes, separators before it
/// included. `None` when it is not whole, longer than `object_bytes_max`, or not plain: with an
/// escape, a nested value, a number that is no integer, or anything that is wrong.
pub(crate) fn quick_request(
    unread: &[u8],
    object_bytes_max: usize,
) -> Option<(Envelope<'_>, usize)> {
    let separators = count_separators(unread);
    let rest = &unread[separators..];
    let mut reader = Reader { bytes: &rest[..rest.len().min(object_bytes_max)], at: 0 };
    let fields = reader.fields()?;
    let text = str::from_utf8(&rest[..reader.at]).ok()?;
    Some((fields.into_envelope(text)?, separators + reader.at))
}

/// Where the values are that these requests use.
#[derive(Default)]
struct Fields {
    msgid: Option<i64>,
    id: Option<i64>,
    toid: Option<i64>,
    groupid: Option<i64>,
    seq: Option<i64>,
    mid: Option<Range<usize>>,
    msg: Option<Range<usize>>,
    time: Option<Range<usize>>,
    /// The original client adds it, and nobody uses it: the login knows the name.
    name: Option<Range<usize>>,
}

impl Fields {
    fn into_envelope(self, text: &str) -> Option<Envelope<'_>> {
        let at = |range: Range<usize>| text.get(range).map(Cow::Borrowed);
        let request = match self.msgid? {
            msgid::RECEIVED => Request::Received { seq: u64::try_from(self.seq?).ok()? },
            found @ (msgid::CHAT | msgid::GROUP_CHAT) => {
                let (id, msg) = (self.id.map(UserId), at(self.msg?)?);
                let time =
                    self.time.and_then(at).filter(|time| is_within(time, 0, TIME_CHARACTERS_MAX));
                if found == msgid::CHAT {
                    Request::Chat { id, to: UserId(self.toid?), msg, time }
                } else {
                    Request::GroupChat { id, group: GroupId(self.groupid?), msg, time }
                }
            }
            _ => return None,
        };
        let mid = match self.mid {
            Some(mid) => Some(at(mid).filter(|mid| is_within(mid, 1, MID_CHARACTERS_MAX))?),
            None => None,
        };
        Some(Envelope { mid, request })
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    /// The fields of the object that begins here; ends behind it.
    fn fields(&mut self) -> Option<Fields> {
        let mut fields = Fields::default();
        self.expect(b'{')?;
        self.skip_space();
        loop {
            let key = self.string()?;
            self.skip_space();
            self.expect(b':')?;
            self.skip_space();
            let bytes = self.bytes;
            match &bytes[key] {
                b"msgid" => set(&mut fields.msgid, self.integer()?)?,
                b"id" => set(&mut fields.id, self.integer()?)?,
                b"toid" => set(&mut fields.toid, self.integer()?)?,
                b"groupid" => set(&mut fields.groupid, self.integer()?)?,
                b"seq" => set(&mut fields.seq, self.integer()?)?,
                b"mid" => set(&mut fields.mid, self.string()?)?,
                b"msg" => set(&mut fields.msg, self.string()?)?,
                b"time" => set(&mut fields.time, self.string()?)?,
                b"name" => set(&mut fields.name, self.string()?)?,
                _ => return None,
            }
            self.skip_space();
            match self.next()? {
                b',' => self.skip_space(),
                b'}' => return Some(fields),
                _ => return None,
            }
        }
    }

    /// What stands between the quotes of a string without escapes.
    fn string(&mut self) -> Option<Range<usize>> {
        self.expect(b'"')?;
        let start = self.at;
        let end = start + plain_bytes(&self.bytes[start..]);
        self.at = end;
        self.expect(b'"')?;
        Some(start..end)
    }

    fn integer(&mut self) -> Option<i64> {
        let negative = self.bytes.get(self.at) == Some(&b'-');
        self.at += usize::from(negative);
        let start = self.at;
        let mut value = 0_i64;
        while let Some(digit @ b'0'..=b'9') = self.bytes.get(self.at) {
            value = value * 10 + i64::from(digit - b'0');
            self.at += 1;
            if self.at - start > DIGITS_MAX {
                return None;
            }
        }
        let digits = &self.bytes[start..self.at];
        let is_canonical = !digits.is_empty() && (digits[0] != b'0' || digits.len() == 1);
        // What follows is a comma or a brace, or the object is not read here: no fraction, no
        // exponent. A minus zero is a fraction to others.
        let is_plain = is_canonical && !(negative && value == 0);
        is_plain.then_some(if negative { -value } else { value })
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied();
        self.at += 1;
        byte
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }
}

/// No `i64` of so many digits overflows.
const DIGITS_MAX: usize = 18;

/// A field that comes twice is not plain.
fn set<T>(field: &mut Option<T>, value: T) -> Option<()> {
    field.replace(value).is_none().then_some(())
}

#[cfg(test)]
mod tests;
