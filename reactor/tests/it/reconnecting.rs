//! Services that never give up.

use crate::client_support::{BlackHole, LOOPBACK, refusing};
use crate::support::{PATIENCE, read_to_end, serve, wait_until};
use reactor::{
    Address, Buffer, CloseReason, ConnectFailure, Connection, Connections, EventLoop, Service,
    TcpServer,
};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

/// Connects to `target` again whenever it fails or a connection ends.
struct Stubborn {
    target: Address,
    failures: Arc<AtomicUsize>,
}

impl Stubborn {
    fn try_again(&self, connections: &mut Connections<'_, ()>) {
        connections.connect(self.target.clone(), PATIENCE, ());
    }
}

impl Service for Stubborn {
    type State = ();
    type Post = ();

    fn on_message(&mut self, _connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        input.retrieve_all();
    }

    fn on_closed(&mut self, connection: &mut Connection<'_, ()>, _reason: CloseReason) {
        self.try_again(&mut connection.connections());
    }

    fn on_connect_failed(
        &mut self,
        connections: &mut Connections<'_, ()>,
        _failure: &ConnectFailure,
    ) {
        // So that the test ends even if its turn does not.
        if self.failures.fetch_add(1, Ordering::Relaxed) < 10_000 {
            self.try_again(connections);
        }
    }

    fn on_post(&mut self, connections: &mut Connections<'_, ()>, _post: ()) {
        self.try_again(connections);
    }
}

/// An address that the kernel refuses at once, with nothing to wait for.
fn nowhere() -> Address {
    Path::new("/nobody/listens/here").into()
}

#[test]
fn one_that_tries_again_at_once_does_not_hold_the_turn() {
    let target = nowhere();
    let failures = Arc::<AtomicUsize>::default();
    let mut event_loop = EventLoop::new().unwrap();
    let told = failures.clone();
    let server = TcpServer::builder(LOOPBACK)
        .start(&mut event_loop, move |_seat| Stubborn {
            target: target.clone(),
            failures: told.clone(),
        })
        .unwrap();
    server.handles()[0].post(()).unwrap();
    for turn in 1..=20 {
        event_loop.run_once(Some(PATIENCE)).unwrap();
        let failures = failures.load(Ordering::Relaxed);
        assert!(failures <= 4 * turn, "{failures} failures in {turn} turns");
    }
    assert!(failures.load(Ordering::Relaxed) >= 10, "it is not held up either");
}

#[test]
fn one_that_connects_for_ever_can_be_stopped() {
    let (_socket, refused) = refusing();
    let black_hole = BlackHole::new();
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let targets = [refused, black_hole.address, listener.local_addr().unwrap()].map(Address::from);
    for target in targets.into_iter().chain([nowhere()]) {
        let (failures, name) = (Arc::<AtomicUsize>::default(), target.to_string());
        let mut running = serve(
            |builder| builder.threads(1),
            move |_seat| Stubborn { target: target.clone(), failures: failures.clone() },
        );
        let stream = running.connect();
        wait_until("connected", || running.server.connection_count() == 1);
        let (sender, stopped) = mpsc::channel();
        std::thread::spawn(move || {
            running.server.stop(Duration::from_millis(20));
            sender.send(running.server.connection_count()).unwrap();
        });
        assert_eq!(stopped.recv_timeout(PATIENCE), Ok(0), "{name}");
        assert_eq!(read_to_end(&stream), b"");
    }
}
