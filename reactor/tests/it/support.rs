//! A server that tells what its service is called with, and clients that do not wait for ever.

use reactor::{
    Buffer, CloseReason, ConnectFailure, Connection, ConnectionHandle, ConnectionId, Connections,
    EventLoopThread, LoopHandle, Seat, Service, ServiceHandle, TcpServer, TcpServerBuilder,
};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// Far more than anything here takes; reached only by a failing test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// What a [`Recorder`] was called with.
#[derive(Debug)]
pub(crate) enum Event {
    Connected(ConnectionHandle),
    Message(ConnectionId, Vec<u8>),
    EndOfStream,
    WriteComplete,
    HighWater(usize),
    LowWater,
    Timer(u64),
    ServiceTimer(u64),
    Closed(ConnectionId, CloseReason),
    ConnectFailed { address: SocketAddr, kind: ErrorKind, attempt: u32, retries: bool },
}

/// Runs on the loop with all connections.
pub(crate) type Action = Box<dyn FnOnce(&mut Connections<'_, ()>) + Send>;

type React = dyn Fn(&mut Connection<'_, ()>, &mut Buffer) + Send + Sync;

/// Records its callbacks and leaves what to do about a message to `react`.
pub(crate) struct Recorder {
    events: mpsc::Sender<Event>,
    react: Arc<React>,
}

impl Recorder {
    pub(crate) fn new(
        events: mpsc::Sender<Event>,
        react: impl Fn(&mut Connection<'_, ()>, &mut Buffer) + Send + Sync + 'static,
    ) -> Self {
        Self { events, react: Arc::new(react) }
    }

    /// One that nobody listens to.
    pub(crate) fn deaf() -> Self {
        Self { events: mpsc::channel().0, react: Arc::new(swallow) }
    }

    fn record(&self, event: Event) {
        // The test may have seen enough and gone.
        let _gone = self.events.send(event);
    }
}

impl Service for Recorder {
    type State = ();
    type Post = Action;

    fn on_connected(&mut self, connection: &mut Connection<'_, ()>) {
        self.record(Event::Connected(connection.handle()));
    }

    fn on_message(&mut self, connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        self.record(Event::Message(connection.id(), input.peek().to_vec()));
        (self.react)(connection, input);
    }

    fn on_end_of_stream(&mut self, connection: &mut Connection<'_, ()>) {
        self.record(Event::EndOfStream);
        connection.shutdown();
    }

    fn on_write_complete(&mut self, _connection: &mut Connection<'_, ()>) {
        self.record(Event::WriteComplete);
    }

    fn on_high_water(&mut self, _connection: &mut Connection<'_, ()>, queued: usize) {
        self.record(Event::HighWater(queued));
    }

    fn on_low_water(&mut self, _connection: &mut Connection<'_, ()>) {
        self.record(Event::LowWater);
    }

    fn on_closed(&mut self, connection: &mut Connection<'_, ()>, reason: CloseReason) {
        self.record(Event::Closed(connection.id(), reason));
    }

    fn on_timer(&mut self, _connection: &mut Connection<'_, ()>, tag: u64) {
        self.record(Event::Timer(tag));
    }

    fn on_post(&mut self, connections: &mut Connections<'_, ()>, action: Action) {
        action(connections);
    }

    fn on_connect_failed(
        &mut self,
        _connections: &mut Connections<'_, ()>,
        failure: &ConnectFailure,
    ) {
        let address = failure.address.socket_addr_or_unspecified();
        let kind = failure.error.kind();
        let (attempt, retries) = (failure.attempt, failure.next_attempt.is_some());
        self.record(Event::ConnectFailed { address, kind, attempt, retries });
    }

    fn on_service_timer(&mut self, _connections: &mut Connections<'_, ()>, tag: u64) {
        self.record(Event::ServiceTimer(tag));
    }
}

/// Sends back what it gets, and tells nobody.
pub(crate) struct Echo;

impl Service for Echo {
    type State = ();
    type Post = ();

    fn on_message(&mut self, connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        connection.send(input.peek());
        input.retrieve_all();
    }
}

/// A server whose main loop runs on a thread of its own.
pub(crate) struct Running<Post: Send + 'static> {
    pub(crate) server: TcpServer<Post>,
    pub(crate) main_loop: EventLoopThread,
}

/// Starts a server with services of one's own.
pub(crate) fn serve<S: Service>(
    configure: impl FnOnce(TcpServerBuilder) -> TcpServerBuilder + Send + 'static,
    factory: impl Fn(Seat<S::Post>) -> S + Send + Sync + 'static,
) -> Running<S::Post> {
    let (sender, receiver) = mpsc::channel();
    let main_loop = EventLoopThread::start("main-loop", move |event_loop| {
        let builder = configure(TcpServer::builder("127.0.0.1:0".parse().unwrap()));
        sender.send(builder.start(event_loop, factory).unwrap()).unwrap();
    });
    Running { main_loop: main_loop.unwrap(), server: receiver.recv().unwrap() }
}

impl<Post: Send + 'static> Running<Post> {
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.server.local_addr()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    pub(crate) fn service(&self) -> ServiceHandle<Post> {
        self.server.handles()[0].clone()
    }

    pub(crate) fn service_loop(&self) -> LoopHandle {
        self.server.loops()[0].clone()
    }
}

/// A server of recorders on the main loop, and what they record.
pub(crate) struct Recording {
    pub(crate) running: Running<Action>,
    events: mpsc::Receiver<Event>,
}

/// Starts a recording server.
pub(crate) fn record(
    configure: impl FnOnce(TcpServerBuilder) -> TcpServerBuilder + Send + 'static,
    react: impl Fn(&mut Connection<'_, ()>, &mut Buffer) + Send + Sync + 'static,
) -> Recording {
    let (sender, events) = mpsc::channel();
    let react: Arc<React> = Arc::new(react);
    let running =
        serve(configure, move |_seat| Recorder { events: sender.clone(), react: react.clone() });
    Recording { running, events }
}

/// Takes all input and answers nothing.
pub(crate) fn swallow(_connection: &mut Connection<'_, ()>, input: &mut Buffer) {
    input.retrieve_all();
}

/// Sends all input back.
pub(crate) fn echo(connection: &mut Connection<'_, ()>, input: &mut Buffer) {
    connection.send(input.peek());
    input.retrieve_all();
}

impl Recording {
    /// Connects and waits until the service knows.
    pub(crate) fn connect(&self) -> (TcpStream, ConnectionHandle) {
        let stream = self.running.connect();
        let handle = self.wait_for("connected", |event| match event {
            Event::Connected(handle) => Some(handle),
            _ => None,
        });
        (stream, handle)
    }

    /// The next event.
    pub(crate) fn next(&self) -> Event {
        self.events.recv_timeout(PATIENCE).expect("an event in time")
    }

    /// Drops events until `select` takes one.
    pub(crate) fn wait_for<T>(&self, what: &str, select: impl Fn(Event) -> Option<T>) -> T {
        loop {
            let event = self.events.recv_timeout(PATIENCE);
            let event = event.unwrap_or_else(|_| panic!("{what} should have come in time"));
            if let Some(found) = select(event) {
                return found;
            }
        }
    }

    /// Waits for the end of some connection.
    pub(crate) fn wait_closed(&self) -> (ConnectionId, CloseReason) {
        self.wait_for("closed", |event| match event {
            Event::Closed(id, reason) => Some((id, reason)),
            _ => None,
        })
    }

    /// Events that have come by now, without waiting.
    pub(crate) fn drain(&self) -> Vec<Event> {
        self.events.try_iter().collect()
    }

    /// Runs `action` on the loop and returns what it returns.
    pub(crate) fn on_loop<T: Send + 'static>(
        &self,
        action: impl FnOnce(&mut Connections<'_, ()>) -> T + Send + 'static,
    ) -> T {
        let (sender, receiver) = mpsc::channel();
        let action: Action = Box::new(move |connections| {
            sender.send(action(connections)).unwrap();
        });
        self.running.service().post(action).unwrap();
        receiver.recv_timeout(PATIENCE).expect("the loop runs the action")
    }

    /// Waits until the loop has finished the turn it is in, and the flush of the next.
    pub(crate) fn settle(&self) {
        for _ in 0..2 {
            self.on_loop(|_| ());
        }
    }

    /// Keeps the loop busy until the returned sender is used or dropped.
    pub(crate) fn hold_loop(&self) -> mpsc::Sender<()> {
        let (release, released) = mpsc::channel::<()>();
        let (sender, held) = mpsc::channel();
        let action: Action = Box::new(move |_| {
            sender.send(()).unwrap();
            let _released = released.recv_timeout(PATIENCE);
        });
        self.running.service().post(action).unwrap();
        held.recv_timeout(PATIENCE).expect("the loop is held");
        release
    }
}

/// Reads exactly `count` bytes.
pub(crate) fn read_exactly(mut stream: &TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).expect("bytes in time");
    bytes
}

/// Reads until the peer's end of stream.
pub(crate) fn read_to_end(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an end in time");
    bytes
}

/// Writes until all buffers behind `stream` are full, and have been for a while.
pub(crate) fn fill(mut stream: &TcpStream) {
    stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    while stream.write(&[b'x'; 1 << 20]).is_ok() {}
}

/// Makes the close of `stream` a reset.
pub(crate) fn reset(stream: TcpStream) {
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
    drop(stream);
}

/// Waits until `condition` holds.
pub(crate) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "{what} should hold in time");
        std::thread::sleep(Duration::from_millis(1));
    }
}
