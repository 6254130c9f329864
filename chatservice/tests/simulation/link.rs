//! One TCP connection: bytes both ways that arrive in pieces, late, or not at all.

use std::collections::VecDeque;

use chatservice::chat::ConnId;

use crate::context::Context;
use crate::schedule::{Event, MILLISECOND};

const NETWORK_DELAY: u64 = 20 * MILLISECOND;
/// What the network takes from the server for a client that does not read.
const SOCKET_BUFFERS: usize = 4096;

/// See the module.
pub(crate) struct Link {
    pub(crate) index: usize,
    pub(crate) client: usize,
    pub(crate) node: usize,
    pub(crate) shard: u16,
    /// On their way to the server.
    up: VecDeque<u8>,
    up_ended: bool,
    /// At the server, not used up.
    pub(crate) unread: Vec<u8>,
    pub(crate) paused: bool,
    pub(crate) end_told: bool,
    /// At the server, not taken by its kernel.
    pub(crate) output: VecDeque<u8>,
    taking: bool,
    /// The server closes once the output is taken.
    pub(crate) closing: bool,
    /// On their way to the client.
    down: VecDeque<u8>,
    down_ended: bool,
    /// The client does not read, with so many bytes taken since.
    pub(crate) deaf: Option<usize>,
    pub(crate) server_open: bool,
    pub(crate) client_open: bool,
    /// Bytes queued and taken since the start: where pushes end in the stream.
    pub(crate) queued: u64,
    pub(crate) taken: u64,
}

impl Link {
    pub(crate) fn new(index: usize, client: usize, (node, shard): (usize, u16)) -> Self {
        Self {
            index,
            client,
            node,
            shard,
            up: VecDeque::new(),
            up_ended: false,
            unread: Vec::new(),
            paused: false,
            end_told: false,
            output: VecDeque::new(),
            taking: false,
            closing: false,
            down: VecDeque::new(),
            down_ended: false,
            deaf: None,
            server_open: false,
            client_open: true,
            queued: 0,
            taken: 0,
        }
    }

    pub(crate) fn conn(&self) -> ConnId {
        ConnId(self.index as u64)
    }

    // The client's end.

    pub(crate) fn client_sends(&mut self, context: &mut Context, bytes: &[u8]) {
        self.up.extend(bytes);
        self.schedule_up(context);
    }

    /// No more bytes from the client; it goes on reading.
    pub(crate) fn client_ends(&mut self, context: &mut Context) {
        self.up_ended = true;
        self.schedule_up(context);
    }

    /// The client closes: what it sent still arrives, what it is sent is lost.
    pub(crate) fn client_closes(&mut self, context: &mut Context) {
        self.client_open = false;
        self.client_ends(context);
        let delay = context.delay(1000 * MILLISECOND);
        context.schedule.after(delay, Event::Gone { link: self.index });
    }

    /// The connection breaks: what is under way is lost.
    pub(crate) fn breaks(&mut self, context: &mut Context) {
        self.client_open = false;
        self.up.clear();
        self.down.clear();
        let delay = context.delay(1000 * MILLISECOND);
        context.schedule.after(delay, Event::Gone { link: self.index });
    }

    /// Bytes that arrive now; the rest later.
    pub(crate) fn client_receives(&mut self, context: &mut Context) -> Vec<u8> {
        let piece = piece(context, self.down.len());
        let bytes: Vec<_> = self.down.drain(..piece).collect();
        if !self.down.is_empty() {
            self.schedule_down(context);
        } else if self.down_ended {
            context.schedule.after(1, Event::Lost { link: self.index });
        }
        bytes
    }

    // The server's end.

    pub(crate) fn server_receives(&mut self, context: &mut Context) {
        let piece = piece(context, self.up.len());
        self.unread.extend(self.up.drain(..piece));
        if !self.up.is_empty() {
            self.schedule_up(context);
        }
    }

    /// Whether the client's end of stream is what comes next.
    pub(crate) fn is_at_end(&self) -> bool {
        self.up_ended && self.up.is_empty() && !self.paused && !self.end_told
    }

    pub(crate) fn server_sends(&mut self, context: &mut Context, bytes: &[u8]) {
        self.output.extend(bytes);
        self.queued += bytes.len() as u64;
        self.schedule_take(context);
    }

    /// The kernel takes bytes; whether that were all that are queued.
    pub(crate) fn kernel_takes(&mut self, context: &mut Context) -> bool {
        self.taking = false;
        let mut piece = piece(context, self.output.len());
        if let Some(taken) = &mut self.deaf {
            piece = piece.min(SOCKET_BUFFERS - *taken);
            *taken += piece;
            if piece == 0 {
                return false;
            }
        }
        self.taken += piece as u64;
        let bytes: Vec<_> = self.output.drain(..piece).collect();
        if self.client_open && self.deaf.is_none() {
            self.down.extend(bytes);
            self.schedule_down(context);
        }
        if !self.output.is_empty() {
            self.schedule_take(context);
        }
        self.output.is_empty()
    }

    pub(crate) fn server_closes(&mut self, context: &mut Context) {
        self.server_open = false;
        self.down_ended = true;
        self.schedule_down(context);
    }

    pub(crate) fn schedule_up(&mut self, context: &mut Context) {
        let delay = context.delay(NETWORK_DELAY);
        context.schedule.after(delay, Event::Up { link: self.index });
    }

    fn schedule_down(&mut self, context: &mut Context) {
        let delay = context.delay(NETWORK_DELAY);
        context.schedule.after(delay, Event::Down { link: self.index });
    }

    pub(crate) fn schedule_take(&mut self, context: &mut Context) {
        if !self.taking {
            self.taking = true;
            let max = if context.healing { MILLISECOND } else { context.profile.kernel_delay };
            let delay = context.delay(max);
            context.schedule.after(delay, Event::Take { link: self.index });
        }
    }
}

/// How much of `length` goes at once: often all, at times a single byte.
fn piece(context: &mut Context, length: usize) -> usize {
    match context.rng.u8(0..8) {
        0 => length.min(1),
        1..3 => context.rng.usize(0..=length).max(length.min(1)),
        _ => length,
    }
}
