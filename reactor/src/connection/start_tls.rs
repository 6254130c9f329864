//! TLS on a connection that began without.

use crate::buffer::Buffer;
use crate::connection::Connection;
use crate::connection::state::{CloseReason, InputFlow};
use crate::tls::{Tls, TlsSession};
use std::io;

impl<State> Connection<'_, State> {
    /// Goes on with TLS: from now on all bytes are sealed. For protocols that agree on it first
    /// (`STARTTLS`), and for services that tell TLS by its first byte, 22. What was sent before goes
    /// out as it is. What is sent from now on waits for the end of the handshake, until when
    /// [`Service::on_message`](crate::Service::on_message) is not called;
    /// [`handshake_timeout`](crate::ConnectionOptions::handshake_timeout) bounds the wait, and
    /// [`Connection::stop_reading`] does not make it longer.
    ///
    /// `input` are the bytes that `on_message` got and that belong to TLS; they are taken. Bytes that it
    /// left unread before belong to it too: nothing that came in the clear is offered later.
    ///
    /// # Errors
    /// `NotConnected` if an end was asked for or the peer's has come, `AlreadyExists` if there is TLS
    /// already, `WouldBlock` if the kernel has no room for what was sent before: then try again in
    /// `on_write_complete`; `InvalidInput` and `InvalidData` if `tls` cannot be. Nothing was done then.
    /// `InvalidData` also if what was received is not TLS; then the connection is closed.
    pub fn start_tls(&mut self, tls: &Tls, input: &mut Buffer) -> io::Result<()> {
        if !self.can_send() || self.inner().flow == InputFlow::Ended {
            return Err(io::ErrorKind::NotConnected.into());
        }
        if self.inner().tls.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if !self.table.flush_now(self.core, self.slot) {
            return Err(io::ErrorKind::NotConnected.into());
        }
        if self.queued_bytes() > 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.table.begin_tls(self.core, self.slot, tls)?;
        self.table.mark_dirty(self.slot);
        // The reading may have been stopped, with records there already.
        self.table.mark_ready(self.slot);
        self.open_first(input)
    }

    /// What rustls knows of this connection: the protocol agreed on (ALPN), the peer's certificates,
    /// the version. `None` without TLS.
    pub fn tls(&self) -> Option<&rustls::CommonState> {
        self.inner().tls.as_deref().map(TlsSession::common)
    }

    /// Opens records that were read before TLS was known of.
    fn open_first(&mut self, input: &mut Buffer) -> io::Result<()> {
        let connection = self.table.in_slot_mut(self.slot);
        let mut records = std::mem::take(&mut connection.input);
        records.append(input.peek());
        input.retrieve_all();
        let result = connection.open_records(&mut records, input, &mut self.core.chunks);
        if let Err(error) = &result {
            self.table.close(self.slot, CloseReason::Error(error.kind()));
        }
        result
    }
}
