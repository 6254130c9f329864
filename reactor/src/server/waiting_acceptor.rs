//! An acceptor that is on its loop already, and is not told of clients.

use crate::event_loop::handle::LoopHandle;
use crate::event_loop::source::SourceId;
use crate::server::acceptor::Acceptor;
use crate::server::listener::Listener;
use std::sync::Arc;

/// See the module.
pub(crate) struct WaitingAcceptor {
    handle: LoopHandle,
    listener: Arc<Listener>,
    id: SourceId,
}

impl WaitingAcceptor {
    pub(crate) fn new(handle: LoopHandle, acceptor: &Acceptor) -> Self {
        Self { handle, listener: acceptor.listener.clone(), id: acceptor.id }
    }

    /// Any thread: has it accept, those who wait first.
    pub(crate) fn start(self) {
        let Self { handle, listener, id } = self;
        handle.run_in_loop(move |event_loop| {
            if let Err(error) = listener.watch(&event_loop.core.poller, id) {
                // Clients are refused rather than left to wait.
                log::error!("cannot accept on {}: {error}", listener.address());
                listener.stop();
            }
        });
    }
}
