//! Servers dropped at every place and time.

use crate::client_support::LOOPBACK;
use crate::support::{Echo, PATIENCE, Running, read_exactly, read_to_end, serve};
use reactor::{
    Buffer, CloseReason, Closed, Connection, Connections, EventLoop, EventLoopThread, Service,
    TcpServer,
};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The callback in which a [`Leaver`] drops its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Message,
    Closed,
    TurnEnd,
    Post,
}

type Slot = Arc<Mutex<Option<TcpServer<()>>>>;

/// Drops its own server at some moment.
struct Leaver {
    moment: Moment,
    server: Slot,
    closed: mpsc::Sender<CloseReason>,
}

impl Leaver {
    fn reach(&self, moment: Moment) {
        if self.moment == moment {
            let server = self.server.lock().unwrap().take();
            drop(server);
        }
    }
}

impl Service for Leaver {
    type State = ();
    type Post = ();

    fn on_message(&mut self, connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        input.retrieve_all();
        self.reach(Moment::Message);
        if self.moment == Moment::Closed {
            connection.force_close();
        }
    }

    fn on_closed(&mut self, _connection: &mut Connection<'_, ()>, reason: CloseReason) {
        self.closed.send(reason).unwrap();
        self.reach(Moment::Closed);
    }

    fn on_turn_end(&mut self, connections: &mut Connections<'_, ()>) {
        if !connections.is_empty() {
            self.reach(Moment::TurnEnd);
        }
    }

    fn on_post(&mut self, _connections: &mut Connections<'_, ()>, _post: ()) {
        self.reach(Moment::Post);
    }
}

#[test]
fn a_server_may_be_dropped_in_its_own_callbacks() {
    for moment in [Moment::Message, Moment::Closed, Moment::TurnEnd, Moment::Post] {
        for threads in [0, 2] {
            let ((closed, reasons), (sender, receiver)) = (mpsc::channel(), mpsc::channel());
            let slot = Slot::default();
            let held = slot.clone();
            let main_loop = EventLoopThread::start("main-loop", move |event_loop| {
                let server = TcpServer::builder(LOOPBACK).threads(threads);
                let server = server.start(event_loop, {
                    let slot = held.clone();
                    move |_seat| Leaver { moment, server: slot.clone(), closed: closed.clone() }
                });
                let server = server.unwrap();
                sender.send((server.local_addr(), server.handles().clone())).unwrap();
                *held.lock().unwrap() = Some(server);
            });
            let (address, handles) = receiver.recv().unwrap();
            drop(slot);
            let mut streams = [TcpStream::connect(address), TcpStream::connect(address)];
            for stream in streams.iter_mut().flatten() {
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                // It may be gone by now.
                let _broken = stream.write_all(b"x");
            }
            let _gone = handles[0].post(());
            for mut stream in streams.into_iter().flatten() {
                let mut rest = Vec::new();
                let end = stream.read_to_end(&mut rest).map_err(|error| error.kind());
                assert!(matches!(end, Ok(0) | Err(ErrorKind::ConnectionReset)), "{end:?}");
            }
            // The services are gone with their senders.
            let mut ends = std::iter::repeat_with(|| reasons.recv_timeout(PATIENCE));
            let last = ends.find(Result::is_err);
            assert_eq!(last, Some(Err(RecvTimeoutError::Disconnected)), "{moment:?} {threads}");
            assert!(handles.iter().all(|handle| handle.post(()) == Err(Closed)));
            drop(main_loop);
        }
    }
}

#[test]
fn a_server_may_be_dropped_before_its_loop_runs() {
    let mut event_loop = EventLoop::new().unwrap();
    let (closed, reasons) = mpsc::channel();
    let server = TcpServer::builder(LOOPBACK)
        .start(&mut event_loop, move |_seat| Leaver {
            moment: Moment::Message,
            server: Slot::default(),
            closed: closed.clone(),
        })
        .unwrap();
    let waiting = TcpStream::connect(server.local_addr()).unwrap();
    waiting.set_read_timeout(Some(PATIENCE)).unwrap();
    std::thread::spawn(move || drop(server)).join().unwrap();
    event_loop.run_once(Some(PATIENCE)).unwrap();
    assert_eq!(reasons.try_recv(), Err(mpsc::TryRecvError::Disconnected), "the service is gone");
    assert_eq!((&waiting).read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_server_may_be_stopped_and_dropped_after_its_main_loop() {
    for threads in [0, 2] {
        let Running { mut server, main_loop } =
            serve(move |builder| builder.threads(threads), |_seat| Echo);
        let mut stream = TcpStream::connect(server.local_addr()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"x").unwrap();
        assert_eq!(read_exactly(&stream, 1), b"x");
        drop(main_loop);
        // Sub loops serve on without it.
        assert_eq!(server.connection_count(), threads.min(1));
        server.stop(Duration::from_millis(20));
        assert_eq!(server.connection_count(), 0);
        assert_eq!(read_to_end(&stream), b"");
        server.stop(PATIENCE);
        server.stop_accepting();
        assert_eq!(server.handles()[0].post(()), Err(Closed));
    }
}

#[test]
fn clients_that_wait_when_accepting_stops_are_not_left_to_hang() {
    for everywhere in [false, true] {
        let running = serve(move |b| b.threads(2).listen_on_every_loop(everywhere), |_seat| Echo);
        // All loops are busy, so nobody accepts.
        let busy = running.server.loops().iter().chain([running.main_loop.handle()]);
        let held: Vec<_> = busy
            .map(|handle| {
                let ((release, released), (sender, held)) =
                    (mpsc::channel::<()>(), mpsc::channel());
                handle.run_in_loop(move |_| {
                    sender.send(()).unwrap();
                    let _dropped = released.recv_timeout(PATIENCE);
                });
                held.recv_timeout(PATIENCE).unwrap();
                release
            })
            .collect();
        let waiting: Vec<_> = (0..8).map(|_| running.connect()).collect();
        running.server.stop_accepting();
        for mut stream in &waiting {
            let end = stream.read(&mut [0]).map_err(|error| error.kind());
            assert!(matches!(end, Ok(0) | Err(ErrorKind::ConnectionReset)), "{end:?}");
        }
        drop(held);
        assert_eq!(running.server.stats().accepted, 0);
    }
}
