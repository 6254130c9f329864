//! Whether a socket that was told to connect has done so.

use crate::driver::stream::Stream;
use std::io;

/// What an attempt to connect has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Completion {
    /// The kernel is at it; the event was of something else.
    Pending,
    Connected,
}

impl Completion {
    /// Looks at the socket; events alone do not say it.
    ///
    /// # Errors
    /// What stood in the way.
    pub(crate) fn of(stream: &Stream) -> io::Result<Self> {
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
        let peer = match stream.peer_addr() {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(Self::Pending),
            peer => peer?,
        };
        // Where nobody listens on a port of those that the system gives to clients, it may give
        // this very port to this client, and TCP then connects the socket to itself.
        if peer.socket_addr().is_some() && stream.local_addr()? == peer {
            let text = "connected to itself, for nobody listens";
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, text));
        }
        Ok(Self::Connected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, Socket, Type};
    use std::net::{SocketAddr, TcpListener};

    #[test]
    fn an_event_that_tells_of_nothing_leaves_it_pending() {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let stream = Stream::System(socket.try_clone().unwrap());
        assert_eq!(Completion::of(&stream).unwrap(), Completion::Pending);
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        socket.connect(&listener.local_addr().unwrap().into()).unwrap();
        assert_eq!(Completion::of(&stream).unwrap(), Completion::Connected);
    }
}
