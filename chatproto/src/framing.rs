//! Finds one JSON object at a time in a stream of bytes.
//!
//! Only strings and brackets are looked at; whether the object is JSON is for the decoder to say.

use crate::Envelope;
use crate::json::quick_request;
use crate::limits::DEPTH_MAX;
use thiserror::Error;

/// Finds where objects end in a stream that arrives in pieces of any size.
///
/// It remembers how far it has looked, so that a stream costs O(n) in all, however small its pieces.
///
/// ```
/// use chatproto::{Framer, Scan};
///
/// let mut framer = Framer::new(64 * 1024);
/// let stream = b" {\"msgid\":1012}\n{\"msgid\":";
/// let Ok(Scan::Object { text, consumed }) = framer.scan(stream) else { panic!() };
/// assert_eq!(text, b"{\"msgid\":1012}");
/// assert_eq!(framer.scan(&stream[consumed..]), Ok(Scan::Incomplete { consumed: 1 }));
/// ```
#[derive(Debug, Clone)]
pub struct Framer {
    object_bytes_max: usize,
    /// Bytes of the unfinished object that need not be looked at again; 0 between objects.
    looked: usize,
    place: Place,
    open: OpenBrackets,
}

/// What a [`Framer`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scan<'a> {
    /// A whole object.
    Object {
        /// The object, from its `{` to its `}`.
        text: &'a [u8],
        /// Bytes for the caller to drop once `text` is used: separators before it, and itself.
        consumed: usize,
    },
    /// No whole object yet.
    Incomplete {
        /// Bytes for the caller to drop now: separators.
        consumed: usize,
    },
}

/// Why a stream cannot be read on; the connection is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FramingError {
    /// Something other than an object stands between objects.
    #[error("not a JSON object")]
    NotAnObject,
    /// More than [`DEPTH_MAX`] brackets are open.
    #[error("nested deeper than {DEPTH_MAX}")]
    TooDeep,
    /// A brace is closed by a bracket or the other way round.
    #[error("brackets do not match")]
    Mismatched,
    /// The object is larger than the limit.
    #[error("object too large")]
    TooLarge,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    BetweenStrings,
    InString,
    AfterBackslash,
}

/// The kinds of the open brackets, innermost in the lowest bit.
#[derive(Debug, Clone, Copy, Default)]
struct OpenBrackets {
    depth: u32,
    are_arrays: u16,
}

const _: () = assert!(DEPTH_MAX <= u16::BITS);

impl Framer {
    /// A framer at the start of a stream whose objects have at most `object_bytes_max` bytes.
    pub fn new(object_bytes_max: usize) -> Self {
        Self {
            object_bytes_max,
            looked: 0,
            place: Place::BetweenStrings,
            open: OpenBrackets::default(),
        }
    }

    /// Changes the limit, from the object that is now unfinished on.
    pub fn set_max_object_bytes(&mut self, object_bytes_max: usize) {
        self.object_bytes_max = object_bytes_max;
    }

    /// The first request in `unread` and the bytes that it takes, separators on both sides included,
    /// when it is one that comes by the million and is written plainly; in one pass, where
    /// [`scan`](Self::scan) and [`decode`](crate::decode) take two. `None` says nothing about the
    /// bytes: `scan` them.
    ///
    /// ```
    /// use chatproto::{Framer, Request, UserId};
    ///
    /// let stream = br#"{"msgid":1005,"toid":2,"msg":"hi"} {"msgid":1012}"#;
    /// let (envelope, consumed) = Framer::new(4096).scan_plain(stream).expect("it is plain");
    /// assert!(matches!(envelope.request, Request::Chat { to: UserId(2), .. }));
    /// assert_eq!(Framer::new(4096).scan_plain(&stream[consumed..]), None);
    /// ```
    pub fn scan_plain<'a>(&self, unread: &'a [u8]) -> Option<(Envelope<'a>, usize)> {
        if self.looked > 0 {
            return None;
        }
        quick_request(unread, self.object_bytes_max)
    }

    /// Looks for the end of the first object in `unread`.
    ///
    /// The caller drops `consumed` bytes and next time passes what is left, followed by what came
    /// since. After an error the stream has no next object; the framer is of no further use.
    pub fn scan<'a>(&mut self, unread: &'a [u8]) -> Result<Scan<'a>, FramingError> {
        let separators = if self.looked == 0 { count_separators(unread) } else { 0 };
        let rest = &unread[separators..];
        let allowed = &rest[..rest.len().min(self.object_bytes_max)];
        if let Some(end) = self.find_end(allowed)? {
            *self = Self::new(self.object_bytes_max);
            return Ok(Scan::Object { text: &rest[..end], consumed: separators + end });
        }
        if rest.len() > self.object_bytes_max {
            return Err(FramingError::TooLarge);
        }
        Ok(Scan::Incomplete { consumed: separators })
    }

    /// The length of the object that `bytes` starts with, if it ends there.
    fn find_end(&mut self, bytes: &[u8]) -> Result<Option<usize>, FramingError> {
        if self.looked == 0 && bytes.first().is_some_and(|first| *first != b'{') {
            return Err(FramingError::NotAnObject);
        }
        let mut at = self.looked;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            match self.place {
                Place::BetweenStrings => {
                    let Some(plain) = rest.iter().position(|byte| is_structural(*byte)) else {
                        at = bytes.len();
                        break;
                    };
                    at += plain + 1;
                    if rest[plain] == b'"' {
                        self.place = Place::InString;
                    } else if self.open.follow(rest[plain])? == 0 {
                        return Ok(Some(at));
                    }
                }
                Place::InString => {
                    let Some(plain) = memchr::memchr2(b'"', b'\\', rest) else {
                        at = bytes.len();
                        break;
                    };
                    at += plain + 1;
                    let ends = rest[plain] == b'"';
                    self.place = if ends { Place::BetweenStrings } else { Place::AfterBackslash };
                }
                Place::AfterBackslash => {
                    at += 1;
                    self.place = Place::InString;
                }
            }
        }
        self.looked = at;
        Ok(None)
    }
}

impl OpenBrackets {
    /// Opens or closes `bracket`; the depth that is left.
    fn follow(&mut self, bracket: u8) -> Result<u32, FramingError> {
        let is_array = matches!(bracket, b'[' | b']');
        if matches!(bracket, b'{' | b'[') {
            if self.depth == DEPTH_MAX {
                return Err(FramingError::TooDeep);
            }
            self.depth += 1;
            self.are_arrays = self.are_arrays << 1 | u16::from(is_array);
        } else {
            if self.depth == 0 || self.are_arrays & 1 != u16::from(is_array) {
                return Err(FramingError::Mismatched);
            }
            self.depth -= 1;
            self.are_arrays >>= 1;
        }
        Ok(self.depth)
    }
}

fn is_structural(byte: u8) -> bool {
    matches!(byte, b'"' | b'{' | b'}' | b'[' | b']')
}

/// White space, and the NUL with which the original client ends its objects.
pub(crate) fn count_separators(bytes: &[u8]) -> usize {
    let is_separator = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0);
    bytes.iter().position(|byte| !is_separator(byte)).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests;
