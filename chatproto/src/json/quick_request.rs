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

/// The request that `unread` begins with and the bytes that it takes, separators on both sides
/// included. `None` when it is not whole, longer than `object_bytes_max`, or not plain: with an
/// escape, a nested value, a number that is no integer, or anything that is wrong.
pub(crate) fn quick_request(
    unread: &[u8],
    object_bytes_max: usize,
) -> Option<(Envelope<'_>, usize)> {
    let object = &unread[count_separators(unread)..];
    let mut reader = Reader { rest: &object[..object.len().min(object_bytes_max)] };
    let allowed = reader.rest.len();
    let envelope = reader.fields()?.into_envelope()?;
    let behind = &object[allowed - reader.rest.len()..];
    Some((envelope, unread.len() - behind.len() + count_separators(behind)))
}

/// The values that these requests use; texts may not be UTF-8 yet.
#[derive(Default)]
struct Fields<'a> {
    msgid: Option<i64>,
    id: Option<i64>,
    toid: Option<i64>,
    groupid: Option<i64>,
    seq: Option<i64>,
    mid: Option<&'a [u8]>,
    msg: Option<&'a [u8]>,
    time: Option<&'a [u8]>,
    /// The original client adds it, and nobody uses it: the login knows the name.
    name: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn into_envelope(self) -> Option<Envelope<'a>> {
        let mid = text(self.mid)?;
        let time = text(self.time)?.filter(|time| is_within(time, 0, TIME_CHARACTERS_MAX));
        let msg = text(self.msg)?;
        text(self.name)?;
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

/// A field's text; `None` if it is there and is not UTF-8.
fn text(field: Option<&[u8]>) -> Option<Option<Cow<'_, str>>> {
    match field {
        Some(bytes) => str::from_utf8(bytes).ok().map(|text| Some(Cow::Borrowed(text))),
        None => Some(None),
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// The fields of the object that begins here; ends behind it.
    fn fields(&mut self) -> Option<Fields<'a>> {
        let mut fields = Fields::default();
        self.expect(b'{')?;
        loop {
            let key = self.string()?;
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
            self.skip_space();
            match self.rest {
                [b'}', rest @ ..] => {
                    self.rest = rest;
                    return Some(fields);
                }
                _ => self.expect(b',')?,
            }
        }
    }

    /// What stands between the quotes of a string without escapes.
    #[inline]
    fn string(&mut self) -> Option<&'a [u8]> {
        self.expect(b'"')?;
        let (text, rest) = self.rest.split_at(plain_bytes(self.rest));
        self.rest = rest.strip_prefix(b"\"")?;
        Some(text)
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
            value = value.checked_mul(10)?.checked_add(i64::from(digit - b'0'))?;
            rest = behind;
        }
        let count = digits.len() - rest.len();
        self.rest = rest;
        // What follows is a comma or a brace, or the object is not read here: no fraction, no
        // exponent. To others a minus zero is a fraction.
        let is_canonical = count == 1 || (count > 1 && digits[0] != b'0');
        let is_plain = is_canonical && !(negative && value == 0);
        is_plain.then_some(if negative { -value } else { value })
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.skip_space();
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        (*first == byte).then_some(())
    }

    fn skip_space(&mut self) {
        while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }
}

/// A field that comes twice is not plain.
fn set<T>(field: &mut Option<T>, value: T) -> Option<()> {
    field.replace(value).is_none().then_some(())
}

#[cfg(test)]
mod tests;
