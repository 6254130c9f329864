//! Servers with TLS, and a blocking client of rustls that talks to them.

use crate::support::{Recording, record};
use reactor::rustls::{ClientConfig, ClientConnection, StreamOwned};
use reactor::{Buffer, Connection, TcpServerBuilder};
use std::net::TcpStream;
use std::sync::Arc;

#[path = "../../src/tls/localhost.rs"]
mod localhost;

pub(crate) use localhost::{Configs, name, trusting};

/// A blocking connection with TLS.
pub(crate) type TlsStream = StreamOwned<ClientConnection, TcpStream>;

impl Configs {
    /// TLS of a client over `stream`; shakes hands with the first byte.
    pub(crate) fn over(&self, stream: TcpStream) -> TlsStream {
        over(stream, self.client.clone())
    }

    /// As [`Configs::over`], with the handshake done.
    pub(crate) fn shaken_over(&self, stream: TcpStream) -> TlsStream {
        let mut stream = self.over(stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).unwrap();
        }
        stream
    }

    /// A recording server with TLS.
    pub(crate) fn record(
        &self,
        configure: impl FnOnce(TcpServerBuilder) -> TcpServerBuilder + Send + 'static,
        react: impl Fn(&mut Connection<'_, ()>, &mut Buffer) + Send + Sync + 'static,
    ) -> Recording {
        let server = self.server.clone();
        record(move |builder| configure(builder).tls(server), react)
    }
}

/// TLS of `client` over `stream`; shakes hands with the first byte.
pub(crate) fn over(stream: TcpStream, client: Arc<ClientConfig>) -> TlsStream {
    StreamOwned::new(ClientConnection::new(client, name()).unwrap(), stream)
}

/// Does `action` on the loop with the only connection.
pub(crate) fn on_connection(
    recording: &Recording,
    action: impl Fn(&mut Connection<'_, ()>) + Send + 'static,
) {
    recording.on_loop(move |connections| connections.for_each(|connection| action(connection)));
}

/// Handshakes that failed on the loop of the service.
pub(crate) fn handshakes_failed(recording: &Recording) -> u64 {
    recording.running.service_loop().stats().handshakes_failed
}
