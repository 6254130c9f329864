//! What came behind a chat that waits for its turn.

use std::collections::VecDeque;

use chatproto::FramingError;

/// Requests that are kept before nothing more is read, …
const REQUESTS_MAX: usize = 128;
/// … and their bytes, but for the last one.
const BYTES_MAX: usize = 32 << 10;

/// Something that came.
#[derive(Debug)]
pub(super) enum Next {
    /// The text of a chat.
    Chat(Box<[u8]>),
    /// The text of another request.
    Request(Box<[u8]>),
    /// Bytes that are none; nothing comes behind them.
    Broken(FramingError),
    /// The end; nothing comes behind it.
    EndOfStream,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Deferred {
    list: VecDeque<Next>,
    bytes: usize,
}

impl Deferred {
    pub(super) fn push(&mut self, next: Next) {
        self.bytes += next.bytes();
        self.list.push_back(next);
    }

    pub(super) fn pop(&mut self) -> Option<Next> {
        let next = self.list.pop_front();
        self.bytes -= next.as_ref().map_or(0, Next::bytes);
        next
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether more may be read.
    pub(super) fn has_room(&self) -> bool {
        let goes_on = !matches!(self.list.back(), Some(Next::Broken(_) | Next::EndOfStream));
        goes_on && self.list.len() < REQUESTS_MAX && self.bytes < BYTES_MAX
    }

    pub(super) fn has_only_chats(&self) -> bool {
        self.list.iter().all(|next| matches!(next, Next::Chat(_)))
    }
}

impl Next {
    fn bytes(&self) -> usize {
        match self {
            Self::Chat(text) | Self::Request(text) => text.len(),
            Self::Broken(_) | Self::EndOfStream => 0,
        }
    }
}
