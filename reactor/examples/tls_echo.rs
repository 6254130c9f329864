//! Echo over TLS: `cargo run -p reactor --features tls --example tls_echo -- CERTIFICATES KEY PORT`,
//! both in PEM. To talk to it: `openssl s_client -connect localhost:PORT`.

use reactor::rustls::pki_types::pem::PemObject;
use reactor::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use reactor::rustls::{ProtocolVersion, ServerConfig};
use reactor::{Buffer, Connection, EventLoop, Service, TcpServer};
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

pub(crate) struct Echo;

impl Service for Echo {
    type State = ();
    type Post = ();

    /// Called when TLS is agreed on.
    fn on_connected(&mut self, connection: &mut Connection<'_, ()>) {
        let version = connection.tls().and_then(|tls| tls.protocol_version());
        let is_new = version == Some(ProtocolVersion::TLSv1_3);
        connection.send(if is_new { b"hello over 1.3\n" } else { b"hello over 1.2\n" });
    }

    fn on_message(&mut self, connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        connection.send(input.peek());
        input.retrieve_all();
    }
}

/// What `TcpServerBuilder::tls` wants, from two files.
pub(crate) fn read_config(
    certificates: &Path,
    key: &Path,
) -> Result<Arc<ServerConfig>, Box<dyn Error>> {
    let certificates = CertificateDer::pem_file_iter(certificates)?.collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    let config = ServerConfig::builder().with_no_client_auth();
    Ok(Arc::new(config.with_single_cert(certificates, key)?))
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [certificates, key, port] = &arguments[..] else {
        return Err("which CERTIFICATES, which KEY, which PORT?".into());
    };
    let config = read_config(certificates.as_ref(), key.as_ref())?;
    let mut event_loop = EventLoop::new()?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse()?));
    let server = TcpServer::builder(address).tls(config).start(&mut event_loop, |_seat| Echo)?;
    eprintln!("echo over TLS on {}", server.local_addr());
    Ok(event_loop.run()?)
}
