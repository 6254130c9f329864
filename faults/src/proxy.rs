//! A TCP proxy that delays, cuts, holds back and refuses, on threads of its own.

mod pipe;

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use socket2::SockRef;
use testbed::free_port;

use pipe::Pipe;

/// How often threads look whether something was switched.
const TICK: Duration = Duration::from_millis(2);
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// What the proxy does with bytes and connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Passes everything on.
    Pass,
    /// Passes everything on so much later, in both directions.
    Delay(Duration),
    /// Takes connections and passes nothing to the server; the other direction works. What is held
    /// back arrives when it passes again, as after a partition.
    SilentToServer,
    /// The other way round.
    SilentToClient,
    /// Passes nothing.
    Silent,
    /// Resets all connections and takes no new ones.
    Refuse,
}

/// Where bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    ToServer,
    ToClient,
}

impl Mode {
    fn holds(self, direction: Direction) -> bool {
        match self {
            Self::Pass | Self::Delay(_) | Self::Refuse => false,
            Self::SilentToServer => direction == Direction::ToServer,
            Self::SilentToClient => direction == Direction::ToClient,
            Self::Silent => true,
        }
    }
}

/// A connection and what became of it.
struct Link {
    client: TcpStream,
    server: TcpStream,
    state: Arc<Mutex<LinkState>>,
}

/// What the pipes of one connection do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkState {
    /// What the proxy's mode says.
    Alive,
    /// Nothing for ever, not even an end.
    Vanished,
    /// Both ends are reset.
    Cut,
}

struct Shared {
    mode: Mutex<Mode>,
    links: Mutex<Vec<Link>>,
    /// None when the proxy is over.
    upstream: Mutex<Option<SocketAddr>>,
}

/// Listens on loopback in front of a server. Dropping it resets all connections.
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl FaultProxy {
    /// In front of `upstream`, passing everything.
    pub fn start(upstream: SocketAddr) -> io::Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let listener = listen(address)?;
        let shared = Arc::new(Shared {
            mode: Mutex::new(Mode::Pass),
            links: Mutex::default(),
            upstream: Mutex::new(Some(upstream)),
        });
        let for_thread = Arc::clone(&shared);
        thread::Builder::new()
            .name("fault proxy".to_owned())
            .spawn(move || for_thread.accept(address, Some(listener)))?;
        Ok(Self { address, shared })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Switches what it does from now on.
    pub fn set(&self, mode: Mode) {
        *lock(&self.shared.mode) = mode;
        if mode == Mode::Refuse {
            self.cut();
        }
    }

    /// Resets both ends of all connections; new ones are as the mode says.
    pub fn cut(&self) {
        for link in lock(&self.shared.links).drain(..) {
            link.reset();
        }
    }

    /// Makes the clients of all connections vanish without a word: the server hears nothing of
    /// them any more, not even an end. New connections are as the mode says.
    pub fn vanish(&self) {
        for link in lock(&self.shared.links).iter() {
            *lock(&link.state) = LinkState::Vanished;
        }
    }

    /// Connections that are open.
    pub fn connections(&self) -> usize {
        lock(&self.shared.links).len()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        *lock(&self.shared.upstream) = None;
        self.cut();
    }
}

impl Shared {
    /// Until the proxy is dropped.
    fn accept(self: Arc<Self>, address: SocketAddr, mut listener: Option<TcpListener>) {
        while let Some(upstream) = { *lock(&self.upstream) } {
            if *lock(&self.mode) == Mode::Refuse {
                // Without a listener the kernel refuses.
                listener = None;
                thread::sleep(TICK);
                continue;
            }
            let accepted = match &listener {
                Some(listener) => listener.accept(),
                None => {
                    listener = listen(address).ok();
                    continue;
                }
            };
            match accepted {
                Ok((client, _)) => {
                    // What cannot be passed on is closed.
                    let _ = self.pass(client, upstream);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    lock(&self.links).retain(Link::is_used);
                    thread::sleep(TICK);
                }
                Err(_) => thread::sleep(TICK),
            }
        }
    }

    fn pass(self: &Arc<Self>, client: TcpStream, upstream: SocketAddr) -> io::Result<()> {
        client.set_nonblocking(false)?;
        let server = TcpStream::connect_timeout(&upstream, CONNECT_WITHIN)?;
        let state = Arc::new(Mutex::new(LinkState::Alive));
        for stream in [&client, &server] {
            stream.set_nodelay(true)?;
        }
        let pipe = |direction, from: &TcpStream, to: &TcpStream| -> io::Result<()> {
            let (from, to) = (from.try_clone()?, to.try_clone()?);
            let pipe = Pipe::new(direction, from, to, Arc::clone(self), Arc::clone(&state))?;
            thread::Builder::new().name("fault pipe".to_owned()).spawn(move || pipe.run())?;
            Ok(())
        };
        pipe(Direction::ToServer, &client, &server)?;
        pipe(Direction::ToClient, &server, &client)?;
        let link = Link { client, server, state };
        // Or it would have slipped through between the two.
        if *lock(&self.mode) == Mode::Refuse {
            link.reset();
        }
        lock(&self.links).push(link);
        Ok(())
    }
}

impl Link {
    /// The last one to close the sockets, a pipe as a rule, sends the resets.
    fn reset(&self) {
        for stream in [&self.client, &self.server] {
            // Fails when it has ended by itself.
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
        *lock(&self.state) = LinkState::Cut;
    }

    /// Whether a pipe still runs: each holds the state.
    fn is_used(&self) -> bool {
        Arc::strong_count(&self.state) > 1
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
