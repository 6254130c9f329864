//! Sends a file to whoever connects: `cargo run -p reactor --example file_transfer -- FILE PORT`.
//!
//! A client costs a chunk of memory, however large the file is: the next chunk is read when the
//! kernel has taken the one before. Reading a file may wait for the disk, and the loop with it; one
//! that is not in memory belongs on a thread of its own.

use reactor::{Buffer, Connection, EventLoop, Service, TcpServer};
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

const CHUNK_BYTES: usize = 64 * 1024;

pub(crate) struct FileTransfer {
    file: Arc<File>,
    chunk: Vec<u8>,
}

impl FileTransfer {
    pub(crate) fn new(file: Arc<File>) -> Self {
        Self { file, chunk: vec![0; CHUNK_BYTES] }
    }

    fn send_chunk(&mut self, connection: &mut Connection<'_, u64>) {
        match self.file.read_at(&mut self.chunk, *connection.state()) {
            Ok(0) => connection.shutdown(),
            Ok(count) => {
                *connection.state_mut() += count as u64;
                connection.send(&self.chunk[..count]);
            }
            Err(error) => {
                eprintln!("cannot read the file: {error}");
                connection.force_close();
            }
        }
    }
}

impl Service for FileTransfer {
    /// Where in the file the client is.
    type State = u64;
    type Post = ();

    fn on_connected(&mut self, connection: &mut Connection<'_, u64>) {
        self.send_chunk(connection);
    }

    fn on_write_complete(&mut self, connection: &mut Connection<'_, u64>) {
        if connection.can_send() {
            self.send_chunk(connection);
        }
    }

    fn on_message(&mut self, _connection: &mut Connection<'_, u64>, input: &mut Buffer) {
        input.retrieve_all();
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("which file?")?;
    let port = arguments.next().map_or(Ok(2021), |text| text.parse())?;
    let file = Arc::new(File::open(path)?);
    let mut event_loop = EventLoop::new()?;
    let server = TcpServer::builder(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .start(&mut event_loop, move |_seat| FileTransfer::new(file.clone()))?;
    eprintln!("the file is on {}", server.local_addr());
    event_loop.run()?;
    Ok(())
}
