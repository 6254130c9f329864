//! Appends one object to a buffer, field by field.

use super::Key;
use super::plain::plain_bytes;
use crate::Errno;

/// Where text is written to: bytes on their way to a socket, or a `String`, which then need not be
/// looked through once more to be one.
pub(crate) trait TextBuffer {
    fn push_str(&mut self, text: &str);
}

impl TextBuffer for Vec<u8> {
    fn push_str(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }
}

impl TextBuffer for String {
    fn push_str(&mut self, text: &str) {
        self.push_str(text);
    }
}

/// Writes fields of one object; `{` is there from the start, the end is the caller's choice.
pub(crate) struct ObjectWriter<'o, Out = Vec<u8>> {
    out: &'o mut Out,
    is_empty: bool,
}

impl<'o, Out: TextBuffer> ObjectWriter<'o, Out> {
    pub(crate) fn new(out: &'o mut Out) -> Self {
        out.push_str("{");
        Self { out, is_empty: true }
    }

    /// An object of the stream, which starts with its `msgid`.
    pub(crate) fn message(out: &'o mut Out, msgid: i64) -> Self {
        let mut object = Self::new(out);
        object.integer(Key::MSGID, msgid);
        object
    }

    /// Goes on behind the fields of an object that are already in `out`.
    pub(crate) fn resume(out: &'o mut Out) -> Self {
        Self { out, is_empty: false }
    }

    pub(crate) fn integer(&mut self, key: Key, value: i64) -> &mut Self {
        self.key(key);
        self.out.push_str(itoa::Buffer::new().format(value));
        self
    }

    pub(crate) fn unsigned(&mut self, key: Key, value: u64) -> &mut Self {
        self.key(key);
        self.out.push_str(itoa::Buffer::new().format(value));
        self
    }

    pub(crate) fn text(&mut self, key: Key, value: &str) -> &mut Self {
        self.key(key);
        push_text(self.out, value);
        self
    }

    /// Writes the field only when it is true: a missing one means false.
    pub(crate) fn flag(&mut self, key: Key, value: bool) -> &mut Self {
        if value {
            self.key(key);
            self.out.push_str("true");
        }
        self
    }

    pub(crate) fn optional_integer(&mut self, key: Key, value: Option<i64>) -> &mut Self {
        if let Some(value) = value {
            self.integer(key, value);
        }
        self
    }

    pub(crate) fn optional_unsigned(&mut self, key: Key, value: Option<u64>) -> &mut Self {
        if let Some(value) = value {
            self.unsigned(key, value);
        }
        self
    }

    pub(crate) fn optional_text(&mut self, key: Key, value: Option<&str>) -> &mut Self {
        if let Some(value) = value {
            self.text(key, value);
        }
        self
    }

    /// `errno`, and what an error needs beside it.
    pub(crate) fn outcome(
        &mut self,
        errno: Errno,
        errmsg: Option<&str>,
        retry_ms: Option<u64>,
    ) -> &mut Self {
        self.integer(Key::ERRNO, errno.code());
        if errno != Errno::Ok {
            match errmsg {
                Some(errmsg) => self.text(Key::ERRMSG, errmsg),
                None => self.text(Key::ERRMSG, &errno.to_string()),
            };
        }
        self.optional_unsigned(Key::RETRY_MS, retry_ms)
    }

    /// An array of strings, each the text of an object; an empty one is left out.
    pub(crate) fn texts<T>(
        &mut self,
        key: Key,
        items: &[T],
        mut write: impl FnMut(&T, &mut String),
    ) -> &mut Self {
        if items.is_empty() {
            return self;
        }
        self.key(key);
        let mut item_text = String::new();
        for (index, item) in items.iter().enumerate() {
            self.out.push_str(if index == 0 { "[" } else { "," });
            item_text.clear();
            write(item, &mut item_text);
            push_text(self.out, &item_text);
        }
        self.out.push_str("]");
        self
    }

    pub(crate) fn end(&mut self) {
        self.out.push_str("}");
    }

    /// Ends the object, and it with the newline that stands between objects of the stream.
    pub(crate) fn end_line(&mut self) {
        self.out.push_str("}\n");
    }

    fn key(&mut self, Key(name): Key) {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.out.push_str(",");
        }
        self.out.push_str(name);
    }
}

fn push_text(out: &mut impl TextBuffer, text: &str) {
    if plain_bytes(text.as_bytes()) == text.len() {
        out.push_str("\"");
        out.push_str(text);
        out.push_str("\"");
    } else {
        out.push_str(&serde_json::to_string(text).expect("a string is always JSON"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_parted_by_commas() {
        let mut out = Vec::new();
        ObjectWriter::message(&mut out, 7)
            .text(Key::MSG, "a\"\\\n\0é")
            .flag(Key::ACK, true)
            .flag(Key::FORCE, false)
            .texts::<&str>(Key::FRIENDS, &[], |_, _| ())
            .texts(Key::USERS, &["{}", "x"], |item, out| out.push_str(item))
            .end_line();
        let expected =
            concat!(r#"{"msgid":7,"msg":"a\"\\\n\u0000é","ack":true,"users":["{}","x"]}"#, "\n");
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
