//! Servers and clients on Unix sockets.

use crate::client_support::quick;
use crate::support::{Event, PATIENCE, Recorder, echo, swallow};
use reactor::{Address, CloseReason, EventLoopThread, TcpClient, TcpServer};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::mpsc;

/// An echo server at `path`, and what it records.
fn serve(
    path: &Path,
) -> (EventLoopThread, TcpServer<crate::support::Action>, mpsc::Receiver<Event>) {
    let (sender, events) = mpsc::channel();
    let (started, server) = mpsc::channel();
    let path = path.to_owned();
    let thread = EventLoopThread::start("unix-loop", move |event_loop| {
        let server = TcpServer::unix(path)
            .start(event_loop, move |_seat| Recorder::new(sender.clone(), echo))
            .unwrap();
        started.send(server).unwrap();
    });
    (thread.unwrap(), server.recv().unwrap(), events)
}

#[test]
fn a_server_echoes_and_its_name_goes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("echo.sock");
    let (_thread, server, events) = serve(&path);
    assert_eq!(server.address(), &Address::from(path.as_path()));
    assert_eq!(server.local_addr().port(), 0);
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let sent = vec![7; 1 << 20];
    let mut writer = stream.try_clone().unwrap();
    let bytes = sent.clone();
    let writing = std::thread::spawn(move || {
        writer.write_all(&bytes).unwrap();
        writer.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    writing.join().unwrap();
    assert!(received == sent);
    let closed = events.iter().find_map(|event| match event {
        Event::Closed(_, reason) => Some(reason),
        _ => None,
    });
    assert_eq!(closed, Some(CloseReason::EndOfStream));
    drop(server);
    assert!(!path.exists());
    assert!(UnixStream::connect(&path).is_err());
}

#[test]
fn a_name_left_by_a_dead_server_is_taken_over_but_not_that_of_a_living_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("echo.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "std leaves the name behind");
    let (_thread, _server, _events) = serve(&path);
    let mut event_loop = reactor::EventLoop::new().unwrap();
    let error = TcpServer::unix(&path).start(&mut event_loop, |_seat| Recorder::deaf());
    assert_eq!(error.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    UnixStream::connect(&path).unwrap();
}

#[test]
fn a_client_connects_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("echo.sock");
    let (_thread, _server, _events) = serve(&path);
    let (sender, events) = mpsc::channel();
    let mut event_loop = reactor::EventLoop::new().unwrap();
    let client = quick(TcpClient::unix(&path))
        .start(&mut event_loop, |_handle| Recorder::new(sender, swallow))
        .unwrap();
    client.connect();
    let mut greeted = false;
    let echoed = loop {
        event_loop.run_once(Some(PATIENCE)).unwrap();
        match events.try_recv() {
            Ok(Event::Connected(handle)) => {
                handle.send("hello");
                greeted = true;
            }
            Ok(Event::Message(_, bytes)) => break bytes,
            Ok(_) | Err(_) => {}
        }
    };
    assert!(greeted);
    assert_eq!(echoed, b"hello");
}
