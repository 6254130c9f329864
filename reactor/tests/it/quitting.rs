//! Loops and threads that are ended, and ended again, from within.

use crate::client_support::LOOPBACK;
use crate::support::{PATIENCE, read_exactly, read_to_end};
use reactor::{Buffer, Connection, EventLoop, EventLoopThread, Service, TcpServer};
use std::io::Write;
use std::net::TcpStream;
use std::sync::mpsc;
use std::time::Duration;

/// muduo's echo server of its tests: `exit` ends the connection, `quit` the loop.
struct Echo;

impl Service for Echo {
    type State = ();
    type Post = ();

    fn on_message(&mut self, connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        connection.send(input.peek());
        match input.peek() {
            b"exit" => connection.shutdown(),
            b"quit" => connection.connections().loop_handle().quit(),
            _ => {}
        }
        input.retrieve_all();
    }
}

#[test]
fn a_service_may_quit_its_loop_and_be_run_again() {
    let mut event_loop = EventLoop::new().unwrap();
    let server = TcpServer::builder(LOOPBACK).start(&mut event_loop, |_seat| Echo).unwrap();
    let streams: Vec<_> = (0..2)
        .map(|_| {
            let stream = TcpStream::connect(server.local_addr()).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream
        })
        .collect();
    for _ in 0..3 {
        (&streams[0]).write_all(b"quit").unwrap();
        event_loop.run().unwrap();
        assert_eq!(read_exactly(&streams[0], 4), b"quit", "written at the end of the turn");
        assert_eq!(server.connection_count(), 2);
    }
    (&streams[1]).write_all(b"exit").unwrap();
    (&streams[0]).write_all(b"quit").unwrap();
    event_loop.run().unwrap();
    assert_eq!(read_to_end(&streams[1]), b"exit");
    drop(event_loop);
    assert_eq!(read_to_end(&streams[0]), b"quit");
}

#[test]
fn another_loop_may_be_made_and_run_in_a_callback() {
    let mut event_loop = EventLoop::new().unwrap();
    let (sender, ran) = mpsc::channel();
    event_loop.run_after(Duration::ZERO, move |outer| {
        let mut inner = EventLoop::new().unwrap();
        let server = TcpServer::builder(LOOPBACK).start(&mut inner, |_seat| Echo).unwrap();
        let mut stream = TcpStream::connect(server.local_addr()).unwrap();
        stream.write_all(b"quit").unwrap();
        inner.run().unwrap();
        assert_eq!(read_exactly(&stream, 4), b"quit");
        sender.send(()).unwrap();
        outer.handle().quit();
    });
    event_loop.run().unwrap();
    assert_eq!(ran.try_recv(), Ok(()));
    assert_eq!(event_loop.stats().panics, 0);
}

/// Has the loop of a thread end itself by `how`, and waits until it is gone.
fn end_by(thread: &EventLoopThread, how: impl FnOnce(&mut EventLoop) + Send + 'static) {
    let (alive, gone) = mpsc::channel::<()>();
    thread.handle().run_in_loop(move |event_loop| {
        // Held by the loop until it is dropped.
        event_loop.run_after(PATIENCE * 2, move |_| drop(alive));
        how(event_loop);
    });
    assert_eq!(gone.recv_timeout(PATIENCE), Err(mpsc::RecvTimeoutError::Disconnected));
}

#[test]
fn a_thread_may_be_dropped_whose_loop_has_quit() {
    let thread = EventLoopThread::start("quitter", |_| ()).unwrap();
    end_by(&thread, |event_loop| event_loop.handle().quit());
    thread.handle().quit();
    thread.handle().run_in_loop(|_| unreachable!("the loop has ended"));
    drop(thread);
}

#[test]
fn a_thread_may_be_dropped_on_itself_and_at_once() {
    let outer = EventLoopThread::start("outer", |_| ()).unwrap();
    let ((sender, receiver), (alive, gone)) = (mpsc::channel(), mpsc::channel::<()>());
    let thread = EventLoopThread::start("own", move |event_loop| {
        event_loop.run_after(PATIENCE * 2, move |_| drop(alive));
    });
    let thread = thread.unwrap();
    thread.handle().run_in_loop(move |_| {
        let own: EventLoopThread = receiver.recv_timeout(PATIENCE).unwrap();
        drop(own);
    });
    sender.send(thread).unwrap();
    assert_eq!(gone.recv_timeout(PATIENCE), Err(mpsc::RecvTimeoutError::Disconnected));
    end_by(&outer, |event_loop| {
        drop(EventLoopThread::start("brief", |_| ()).unwrap());
        event_loop.handle().quit();
    });
}
