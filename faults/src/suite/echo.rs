//! A bare echo on loopback: how long a round trip takes on this machine, whatever the servers do.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::history::{History, What, micros};

const EVERY: Duration = Duration::from_millis(20);

/// Measures until it is dropped.
pub(super) struct Echo {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Echo {
    pub(super) fn start(history: &History) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let mut client = TcpStream::connect(listener.local_addr()?)?;
        let (mut server, _) = listener.accept()?;
        for stream in [&client, &server] {
            stream.set_nodelay(true)?;
        }
        thread::Builder::new().name("echo".to_owned()).spawn(move || {
            let mut byte = [0];
            while server.read_exact(&mut byte).and_then(|()| server.write_all(&byte)).is_ok() {}
        })?;
        let over = Arc::new(AtomicBool::new(false));
        let (until, history) = (Arc::clone(&over), history.clone());
        let thread = thread::Builder::new().name("echo client".to_owned()).spawn(move || {
            let mut byte = [0];
            while !until.load(Ordering::Relaxed) {
                let since = Instant::now();
                client.write_all(&byte)?;
                client.read_exact(&mut byte)?;
                history.record(None, What::Echo { micros: micros(since.elapsed()) });
                thread::sleep(EVERY);
            }
            Ok(())
        })?;
        Ok(Self { over, thread: Some(thread) })
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Its numbers are recorded; an error only means that there are fewer.
            let _ = thread.join();
        }
    }
}
