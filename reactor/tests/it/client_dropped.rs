//! Clients dropped by others, before, while and after their loop runs.

use crate::client_support::{BlackHole, call, quick, refusing};
use crate::support::{Event, PATIENCE, Recorder, record, swallow};
use reactor::{CloseReason, Closed, EventLoop, TcpClient};
use std::sync::mpsc::{self, TryRecvError};
use std::time::Duration;

#[test]
fn a_client_may_be_dropped_by_another_thread_while_it_connects() {
    let black_hole = BlackHole::new();
    let calling = call([black_hole.address], |builder| builder, swallow);
    assert!(calling.finish().is_empty());
}

#[test]
fn a_client_may_be_dropped_by_another_thread_while_it_waits() {
    let (_socket, address) = refusing();
    let calling = call([address], |builder| builder.backoff(PATIENCE, PATIENCE), swallow);
    calling.next_failed();
    assert!(calling.finish().is_empty());
}

#[test]
fn a_client_may_be_dropped_by_another_thread_while_it_is_connected() {
    let server = record(|builder| builder, swallow);
    let address = server.running.server.local_addr();
    let calling = call([address], |builder| builder.enable_retry(true), swallow);
    let id = calling.next_connected().id();
    let handle = calling.handle();
    let events = calling.finish();
    let closed = |event: &Event| matches!(event, Event::Closed(closed, _) if *closed == id);
    assert_eq!(events.iter().filter(|event| closed(event)).count(), 1, "{events:?}");
    assert!(!handle.is_connected());
    assert!(handle.post(Box::new(|_| ())).is_err());
    handle.connect();
    server.wait_closed();
}

#[test]
fn a_client_may_be_dropped_before_its_loop_runs() {
    let server = record(|builder| builder, swallow);
    let mut event_loop = EventLoop::new().unwrap();
    let (events_in, events) = mpsc::channel();
    let client = TcpClient::builder([server.running.server.local_addr()])
        .start(&mut event_loop, |_handle| Recorder::new(events_in, swallow))
        .unwrap();
    client.connect();
    std::thread::spawn(move || drop(client)).join().unwrap();
    event_loop.run_once(Some(PATIENCE)).unwrap();
    let end = events.try_recv().map(|event| format!("{event:?}"));
    assert_eq!(end, Err(TryRecvError::Disconnected), "the service is gone, and was told nothing");
    assert_eq!(server.running.server.stats().accepted, 0);
}

#[test]
fn a_client_may_be_dropped_after_its_loop() {
    let server = record(|builder| builder, swallow);
    let address = server.running.server.local_addr();
    let black_hole = BlackHole::new();
    // Not run, connecting, connected.
    for (address, turns) in [(address, 0), (black_hole.address, 2), (address, 9)] {
        let mut event_loop = EventLoop::new().unwrap();
        let (events_in, events) = mpsc::channel();
        let client = quick(TcpClient::builder([address]))
            .start(&mut event_loop, |_handle| Recorder::new(events_in, swallow))
            .unwrap();
        client.connect();
        for _ in 0..turns {
            event_loop.run_once(Some(Duration::from_millis(10))).unwrap();
        }
        drop(event_loop);
        let events: Vec<_> = events.iter().collect();
        if turns == 9 {
            let end = events.last();
            assert!(matches!(end, Some(Event::Closed(_, CloseReason::Stopped))), "{events:?}");
        } else {
            assert!(events.is_empty(), "{events:?}");
        }
        client.connect();
        client.disconnect();
        assert_eq!(client.post(Box::new(|_| ())), Err(Closed));
        assert!(!client.is_connected());
        drop(client);
    }
}
