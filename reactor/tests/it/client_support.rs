//! A client that tells what its service is called with, and addresses that do not answer.

use crate::support::{Action, Event, PATIENCE, Recorder};
use reactor::{
    Buffer, ClientHandle, Connection, ConnectionHandle, Connections, EventLoopThread, TcpClient,
    TcpClientBuilder,
};
use socket2::{Domain, Socket, Type};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::time::{Duration, Instant};

pub(crate) const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// A recording client on a loop of its own.
pub(crate) struct Calling {
    pub(crate) client: TcpClient<Action>,
    pub(crate) client_loop: EventLoopThread,
    events: mpsc::Receiver<Event>,
}

/// Delays that tests can wait for.
pub(crate) fn quick(builder: TcpClientBuilder) -> TcpClientBuilder {
    builder.backoff(Duration::from_millis(1), Duration::from_millis(20))
}

/// Has a recording client connect.
pub(crate) fn call(
    addresses: impl Into<Vec<SocketAddr>>,
    configure: impl FnOnce(TcpClientBuilder) -> TcpClientBuilder + Send + 'static,
    react: impl Fn(&mut Connection<'_, ()>, &mut Buffer) + Send + Sync + 'static,
) -> Calling {
    let ((events_in, events), (sender, receiver)) = (mpsc::channel(), mpsc::channel());
    let addresses = addresses.into();
    let client_loop = EventLoopThread::start("client-loop", move |event_loop| {
        let builder = configure(quick(TcpClient::builder(addresses)));
        let client = builder.start(event_loop, |_handle| Recorder::new(events_in, react)).unwrap();
        client.connect();
        sender.send(client).unwrap();
    });
    Calling { client_loop: client_loop.unwrap(), client: receiver.recv().unwrap(), events }
}

impl Calling {
    /// The next event.
    pub(crate) fn next(&self) -> Event {
        self.events.recv_timeout(PATIENCE).expect("an event in time")
    }

    /// The next event, which must be a connection.
    pub(crate) fn next_connected(&self) -> ConnectionHandle {
        match self.next() {
            Event::Connected(handle) => handle,
            other => panic!("{other:?} instead of a connection"),
        }
    }

    /// The next event, which must be a failure to connect; returns where and why.
    pub(crate) fn next_failed(&self) -> (SocketAddr, ErrorKind) {
        match self.next() {
            Event::ConnectFailed { address, kind, .. } => (address, kind),
            other => panic!("{other:?} instead of a failure"),
        }
    }

    /// Drops events until there is a connection.
    pub(crate) fn wait_connected(&self) -> ConnectionHandle {
        let start = Instant::now();
        loop {
            if let Event::Connected(handle) = self.next() {
                return handle;
            }
            assert!(start.elapsed() < PATIENCE, "a connection in time");
        }
    }

    /// Events that come within `time` on the client's loop.
    pub(crate) fn events_within(&self, time: Duration) -> Vec<Event> {
        let (sender, receiver) = mpsc::channel();
        self.client_loop.handle().run_after(time, move |_| sender.send(()).unwrap());
        receiver.recv_timeout(PATIENCE).expect("the timer fires");
        self.events.try_iter().collect()
    }

    /// Runs `action` on the loop with the client's connections.
    pub(crate) fn on_loop(&self, action: impl FnOnce(&mut Connections<'_, ()>) + Send + 'static) {
        self.client.post(Box::new(action)).unwrap();
    }

    /// Drops the client, and waits until its service is gone.
    pub(crate) fn finish(self) -> Vec<Event> {
        let Self { client, client_loop, events } = self;
        drop(client);
        let mut last = Vec::new();
        loop {
            match events.recv_timeout(PATIENCE) {
                Ok(event) => last.push(event),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(timeout) => panic!("the service should have gone: {timeout}"),
            }
        }
        drop(client_loop);
        last
    }

    pub(crate) fn handle(&self) -> ClientHandle<Action> {
        self.client.handle()
    }
}

/// A port that is taken, but refuses connections until somebody listens.
pub(crate) fn refusing() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&LOOPBACK.into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

/// A listener whose backlog is full, so that it does not answer.
pub(crate) struct BlackHole {
    pub(crate) listener: TcpListener,
    pub(crate) address: SocketAddr,
    fillers: Vec<Socket>,
}

impl BlackHole {
    pub(crate) fn new() -> Self {
        let (socket, address) = refusing();
        socket.listen(0).unwrap();
        let fillers = (0..3).map(|_| {
            let filler = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            filler.set_nonblocking(true).unwrap();
            let error = filler.connect(&address.into()).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::INPROGRESS.raw_os_error()));
            filler
        });
        Self { address, fillers: fillers.collect(), listener: socket.into() }
    }

    /// Lets the next connections through.
    pub(crate) fn open(&mut self) {
        rustix::net::listen(&self.listener, 128).unwrap();
        self.fillers.clear();
    }
}
