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

/// Digits with which no integer overflows.
const DIGITS_MAX: usize = 18;

/// The request that `unread` begins with and the bytes that it takes, separators on both sides
/// included. `None` when it is not whole, longer than `object_bytes_max`, or not plain: with an
/// escape, a nested value, a number that is no integer, or anything that is wrong.
pub(crate) fn quick_request(
    unread: &[u8],
    object_bytes_max: usize,
) -> Option<(Envelope<'_>, usize)> {
    let object = &unread[count_separators(unread)..];
    let allowed = &object[..object.len().min(object_bytes_max)];
    let mut reader = Reader { length: allowed.len(), rest: allowed };
    let fields = reader.fields()?;
    let (object, behind) = object.split_at(reader.at());
    // Looked at once as a whole, which is faster than each text by itself.
    let envelope = fields.into_envelope(str::from_utf8(object).ok()?)?;
    Some((envelope, unread.len() - behind.len() + count_separators(behind)))
}

/// Where a text stands in its object.
type Span = Range<usize>;

/// The values that these requests use.
#[derive(Default)]
struct Fields {
    msgid: Option<i64>,
    id: Option<i64>,
    toid: Option<i64>,
    groupid: Option<i64>,
    seq: Option<i64>,
    mid: Option<Span>,
    msg: Option<Span>,
    time: Option<Span>,
    /// The original client adds it, and nobody uses it: the login knows the name.
    name: Option<Span>,
}

impl Fields {
    fn into_envelope(self, object: &str) -> Option<Envelope<'_>> {
        let text = |span: Option<Span>| object.get(span?).map(Cow::Borrowed);
        let mid = text(self.mid);
        let time = text(self.time).filter(|time| is_within(time, 0, TIME_CHARACTERS_MAX));
        let msg = text(self.msg);
        let id = self.id.map(UserId);
        let request = match self.msgid? {
            msgid::RECEIVED => Request::Received { seq: u64::try_from(self.seq?).ok()? },
            msgid::CHAT => Request::Chat { id, to: UserId(self.toid?), msg: msg?, time },
            msgid::GROUP_CHAT => {
                Request::GroupChat { id, group: GroupId(self.groupid?), msg: msg?, time }
            }
            _ => return None,
        };
        let is_named = mid.as_ref().is_none_or(|mid| is_within(mid, 1, MID_CHARACTERS_MAX));
        is_named.then_some(Envelope { mid, request })
    }
}

struct Reader<'a> {
    /// Of all that may be read.
    length: usize,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// The fields of the object that begins here; ends behind it.
    fn fields(&mut self) -> Option<Fields> {
        let mut fields = Fields::default();
        self.expect(b'{')?;
        loop {
            let key = self.key()?;
            self.expect(b':')?;
            match key {
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
            if self.expect(b',').is_none() {
                self.expect(b'}')?;
                return Some(fields);
            }
        }
    }

    /// What stands between the quotes of a key; an escape makes it one that nobody knows.
    fn key(&mut self) -> Option<&'a [u8]> {
        self.expect(b'"')?;
        let end = self.rest.iter().position(|byte| *byte == b'"')?;
        let (key, rest) = self.rest.split_at(end);
        self.rest = rest.get(1..)?;
        Some(key)
    }

    /// What stands between the quotes of a string without escapes.
    fn string(&mut self) -> Option<Span> {
        self.expect(b'"')?;
        let start = self.at();
        self.rest = &self.rest[plain_bytes(self.rest)..];
        let end = self.at();
        self.rest = self.rest.strip_prefix(b"\"")?;
        Some(start..end)
    }

    fn integer(&mut self) -> Option<i64> {
        self.skip_space();
        let (negative, digits) = match self.rest {
            [b'-', digits @ ..] => (true, digits),
            digits => (false, digits),
        };
        let mut value = 0_i64;
        let mut rest = digits;
        while let [digit @ b'0'..=b'9', behind @ ..] = rest {
            value = value.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'));
            rest = behind;
        }
        let count = digits.len() - rest.len();
        self.rest = rest;
        // What follows is a comma or a brace, or the object is not read here: no fraction, no
        // exponent. To others a minus zero is a fraction.
        let is_canonical = count == 1 || (count > 1 && digits[0] != b'0');
        let is_plain = is_canonical && count <= DIGITS_MAX && !(negative && value == 0);
        is_plain.then(|| if negative { -value } else { value })
    }

    /// Steps over `byte`, and white space before it; stays if something else comes.
    #[inline]
    fn expect(&mut self, byte: u8) -> Option<()> {
        // Programs write no white space.
        if self.rest.first() != Some(&byte) {
            self.skip_space();
        }
        let (first, rest) = self.rest.split_first()?;
        if *first != byte {
            return None;
        }
        self.rest = rest;
        Some(())
    }

    fn skip_space(&mut self) {
        while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// Bytes that were read.
    fn at(&self) -> usize {
        self.length - self.rest.len()
    }
}

/// A field that comes twice is not plain.
fn set<T>(field: &mut Option<T>, value: T) -> Option<()> {
    field.replace(value).is_none().then_some(())
}

#[cfg(test)]
mod tests;
