//! A UDP socket and its service as one source of a loop.

use crate::connection::tcp_connection::READ_BYTES;
use crate::datagram::service::DatagramService;
use crate::datagram::socket::{DatagramSocket, UdpSocket};
use crate::driver::channel::Readiness;
use crate::event_loop::activity::{Call, Callback};
use crate::event_loop::loop_core::LoopCore;
use crate::event_loop::mailbox::Mailbox;
use crate::event_loop::observer::guarded;
use crate::event_loop::source::{Source, SourceId, SourceStatus, SourceTimer};
use crate::event_loop::timer_queue::TimerId;
use crate::event_loop::token::Key;
use bytes::Bytes;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;

/// Datagrams taken in one turn, so that a flood does not starve the connections of the loop.
const DATAGRAMS_PER_TURN: usize = 64;

/// What may be asked of a UDP server on any thread.
#[derive(Debug)]
pub(crate) enum DatagramLetter<Post> {
    Post(Post),
    Send(SocketAddr, Bytes),
    Stop,
}

pub(crate) struct DatagramSource<S: DatagramService> {
    id: SourceId,
    service: S,
    socket: DatagramSocket,
    mailbox: Arc<Mailbox<DatagramLetter<S::Post>>>,
    input: Input,
    status: SourceStatus,
}

/// Whether datagrams may wait in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    /// None do; the next edge tells otherwise.
    Drained,
    /// The budget of this turn is used up.
    CutOff,
}

impl<S: DatagramService> DatagramSource<S> {
    pub(crate) fn new(
        id: SourceId,
        service: S,
        socket: DatagramSocket,
        mailbox: Arc<Mailbox<DatagramLetter<S::Post>>>,
    ) -> Self {
        let (input, status) = (Input::Drained, SourceStatus::Active);
        Self { id, service, socket, mailbox, input, status }
    }

    /// Calls the service back; a panic takes the call alone.
    fn call(
        &mut self,
        core: &mut LoopCore,
        callback: Callback,
        body: impl FnOnce(&mut S, &mut UdpSocket<'_>),
    ) {
        let call = Call { callback, source: Some(self.id.index), connection: None };
        let _outcome = guarded(core, call, |core| {
            body(&mut self.service, &mut UdpSocket::new(&mut self.socket, core, self.id));
        });
    }

    fn tell_error(&mut self, core: &mut LoopCore, error: &io::Error) {
        self.call(core, Callback::Datagram, |service, socket| service.on_error(socket, error));
    }

    /// Takes datagrams until none is left: unlike a stream, a socket with short ones is not empty.
    fn receive(&mut self, core: &mut LoopCore) {
        self.input = Input::CutOff;
        for _ in 0..DATAGRAMS_PER_TURN {
            let mut scratch = mem::take(&mut core.scratch);
            scratch.retrieve_all();
            // No datagram is longer.
            scratch.ensure_writable(READ_BYTES);
            let result = self.socket.receive(&mut scratch.writable_mut()[..READ_BYTES]);
            core.shared.counters.reads.add(1);
            if let Ok((count, from)) = result {
                core.shared.counters.bytes_read.add(count as u64);
                let bytes = &scratch.writable_mut()[..count];
                self.call(core, Callback::Datagram, |service, socket| {
                    service.on_datagram(socket, from, bytes);
                });
            }
            core.scratch = scratch;
            match result {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.input = Input::Drained;
                    return;
                }
                // An answer to what was sent, which says nothing of what waits.
                Err(error) => self.tell_error(core, &error),
                Ok(_) => {}
            }
            if self.status == SourceStatus::Finished {
                return;
            }
        }
    }

    fn flush(&mut self, core: &mut LoopCore) {
        match self.socket.flush() {
            Ok(false) => {}
            Ok(true) => {
                self.call(core, Callback::Output, |service, socket| service.on_drained(socket));
            }
            Err(error) => self.tell_error(core, &error),
        }
    }
}

impl<S: DatagramService> Source for DatagramSource<S> {
    fn on_mail(&mut self, core: &mut LoopCore) {
        let mut letters = Vec::new();
        self.mailbox.swap(&mut letters);
        core.shared.counters.posts.add(letters.len() as u64);
        for letter in letters {
            match letter {
                DatagramLetter::Post(post) => {
                    self.call(core, Callback::Post, |service, socket| {
                        service.on_post(socket, post);
                    });
                }
                DatagramLetter::Send(to, bytes) => {
                    if let Err(error) = self.socket.send(to, &bytes) {
                        self.tell_error(core, &error);
                    }
                }
                DatagramLetter::Stop => self.status = SourceStatus::Finished,
            }
        }
    }

    fn on_event(&mut self, core: &mut LoopCore, key: Key, readiness: Readiness) {
        if key.generation != self.id.generation {
            return;
        }
        if readiness.writable || readiness.error {
            self.socket.writable = true;
            self.flush(core);
        }
        if (readiness.readable || readiness.error) && self.input == Input::Drained {
            self.receive(core);
        }
    }

    fn on_ready(&mut self, core: &mut LoopCore) {
        if self.input == Input::CutOff {
            self.receive(core);
        }
    }

    fn on_timer(&mut self, core: &mut LoopCore, _id: TimerId, timer: SourceTimer) {
        if let SourceTimer::Service { tag } = timer {
            self.call(core, Callback::ServiceTimer, |service, socket| {
                service.on_timer(socket, tag);
            });
        }
    }

    fn end_turn(&mut self, core: &mut LoopCore) -> SourceStatus {
        if self.input == Input::CutOff {
            core.set_work_pending();
        }
        self.status
    }
}

impl<S: DatagramService> Drop for DatagramSource<S> {
    fn drop(&mut self) {
        drop(self.mailbox.close());
    }
}
