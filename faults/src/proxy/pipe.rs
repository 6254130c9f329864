//! One direction of one connection.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::{Direction, LinkState, Mode, Shared, TICK, lock};

const CHUNK: usize = 64 * 1024;
/// How long a read or write may wait before the pipe looks whether something was switched.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Copies until either end is over.
pub(super) struct Pipe {
    direction: Direction,
    from: TcpStream,
    to: TcpStream,
    shared: Arc<Shared>,
    state: Arc<Mutex<LinkState>>,
}

/// Whether to go on.
#[derive(PartialEq, Eq)]
enum Gate {
    Open,
    /// The connection was cut, or the proxy is over.
    Over,
}

impl Pipe {
    pub(super) fn new(
        direction: Direction,
        from: TcpStream,
        to: TcpStream,
        shared: Arc<Shared>,
        state: Arc<Mutex<LinkState>>,
    ) -> io::Result<Self> {
        from.set_read_timeout(Some(LOOK_AGAIN))?;
        to.set_write_timeout(Some(LOOK_AGAIN))?;
        Ok(Self { direction, from, to, shared, state })
    }

    pub(super) fn run(mut self) {
        let mut chunk = vec![0; CHUNK];
        while self.wait_for_gate() == Gate::Open {
            let count = match self.from.read(&mut chunk) {
                Ok(count) => count,
                Err(error) if is_late(&error) => continue,
                Err(_) => 0,
            };
            // It may have been switched while the read waited.
            if self.wait_for_gate() == Gate::Over {
                return;
            }
            let mode = *lock(&self.shared.mode);
            if let Mode::Delay(delay) = mode {
                thread::sleep(delay);
            }
            if count == 0 || self.write_all(&chunk[..count]).is_err() {
                // Fails when the other end is gone as well.
                let _ = self.to.shutdown(Shutdown::Write);
                return;
            }
        }
    }

    /// Fails as well when the connection is over before all is written.
    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.to.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if is_late(&error) => {
                    if self.wait_for_gate() == Gate::Over {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits as long as nothing may pass.
    fn wait_for_gate(&self) -> Gate {
        loop {
            if lock(&self.shared.upstream).is_none() {
                return Gate::Over;
            }
            let state = *lock(&self.state);
            match state {
                LinkState::Cut => return Gate::Over,
                LinkState::Vanished => {}
                LinkState::Alive => {
                    if !lock(&self.shared.mode).holds(self.direction) {
                        return Gate::Open;
                    }
                }
            }
            thread::sleep(TICK);
        }
    }
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
