//! The remote of a client.

use crate::client::source::ClientCommand;
use crate::connection::service_handle::ServiceHandle;
use crate::driver::address::Address;
use crate::error::Closed;
use crate::event_loop::mailbox::Mailbox;
use crate::server::population::Population;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// Any thread. Asks a [`TcpClient`](crate::TcpClient) for something; once it or its loop is gone,
/// asking does nothing. Does not keep the client.
///
/// What one thread asks is done in that order. None of it calls back before it returns, and none
/// blocks.
pub struct ClientHandle<Post> {
    pub(crate) commands: Arc<Mailbox<ClientCommand>>,
    pub(crate) service: ServiceHandle<Post>,
    pub(crate) population: Arc<Population>,
}

impl<Post: Send + 'static> ClientHandle<Post> {
    /// Has [`Service::on_post`](crate::Service::on_post) called with `post`, connected or not; as
    /// [`ServiceHandle::post`].
    ///
    /// # Errors
    /// If the client or its loop is gone.
    pub fn post(&self, post: Post) -> Result<(), Closed> {
        self.service.post(post)
    }
}

impl<Post> ClientHandle<Post> {
    /// Connects, beginning with the first address and the first delay. Without effect while it
    /// connects or is connected, but for one thing: a `stop` is taken back, and after `disconnect`
    /// a new connection follows as soon as the old one has closed.
    pub fn connect(&self) {
        self.ask(ClientCommand::Connect);
    }

    /// Gives up connecting, or shuts the connection down once its output is written, as
    /// [`Connection::shutdown`](crate::Connection::shutdown). No other follows until
    /// [`ClientHandle::connect`].
    pub fn disconnect(&self) {
        self.ask(ClientCommand::Disconnect);
    }

    /// Gives up connecting; an established connection stays, and no other follows when it is lost.
    pub fn stop(&self) {
        self.ask(ClientCommand::Stop);
    }

    /// Tries these addresses from the next attempt on, for example after a name was resolved anew;
    /// an empty list changes nothing.
    pub fn set_addresses(&self, addresses: impl Into<Vec<SocketAddr>>) {
        let addresses = addresses.into().into_iter().map(Address::from).collect();
        self.ask(ClientCommand::SetAddresses(addresses));
    }

    /// Whether there is a connection: `on_connected` was called and `on_closed` was not, or either
    /// is about to be. One that is agreeing on TLS counts.
    pub fn is_connected(&self) -> bool {
        self.population.connections() > 0
    }

    fn ask(&self, command: ClientCommand) {
        // If the loop has ended, so has the client.
        let _ended = self.commands.push(command);
    }
}

impl<Post> Clone for ClientHandle<Post> {
    fn clone(&self) -> Self {
        Self {
            commands: self.commands.clone(),
            service: self.service.clone(),
            population: self.population.clone(),
        }
    }
}

impl<Post> fmt::Debug for ClientHandle<Post> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ClientHandle")
            .field("connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}
