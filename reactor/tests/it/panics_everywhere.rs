//! Panics in every callback there is, and in what a program supplies besides its service.

use crate::client_support::refusing;
use crate::puppet::{MOMENTS, Moment, RESET};
use crate::stage::Stage;
use crate::support::{Echo, PATIENCE, Running, read_exactly, read_to_end, serve, wait_until};
use reactor::{
    Buffer, CloseReason, ConnectFailure, Connection, Connections, Placement, Service,
    TcpServerBuilder,
};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[test]
fn a_panic_in_any_callback_closes_its_connection_and_nothing_else() {
    for moment in MOMENTS {
        let armed = Arc::new(AtomicBool::new(false));
        let trigger = armed.clone();
        let stage = Stage::new(move |reached, connection| {
            if reached == Moment::Message {
                connection.send(b"alive");
            }
            assert!(reached != moment || !trigger.load(Ordering::Relaxed), "on purpose");
        });
        let neighbour = stage.enter();
        stage.settle();
        armed.store(true, Ordering::Relaxed);
        let actor = stage.enter();
        let id = actor.id;
        let _open = stage.bring(vec![actor], moment);
        let end = if moment == RESET { RESET } else { Moment::Closed(CloseReason::Panicked) };
        assert_eq!(stage.wait_for(end), id, "{moment:?}");
        stage.settle();
        armed.store(false, Ordering::Relaxed);
        (&neighbour.stream).write_all(b"x").unwrap();
        assert_eq!(read_exactly(&neighbour.stream, 5), b"alive", "{moment:?}");
        assert_eq!(stage.running.service_loop().stats().panics, 1, "{moment:?}");
        wait_until("the neighbour is left", || stage.running.server.connection_count() == 1);
    }
}

/// A callback with all connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Post,
    ServiceTimer,
    TurnEnd,
    ConnectFailed,
    Stop,
}

/// Echoes, and panics at one place.
struct Brittle {
    place: Place,
    reached: Option<Place>,
}

impl Brittle {
    fn reach(&mut self, place: Place) {
        if self.reached.is_none() && self.place == place {
            self.reached = Some(place);
            panic!("on purpose");
        }
    }
}

impl Service for Brittle {
    type State = ();
    type Post = std::net::SocketAddr;

    fn on_message(&mut self, connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        connection.send(input.peek());
        input.retrieve_all();
    }

    fn on_post(&mut self, connections: &mut Connections<'_, ()>, refused: std::net::SocketAddr) {
        connections.run_after(Duration::ZERO, 0);
        connections.connect(refused, PATIENCE, ());
        self.reach(Place::Post);
    }

    fn on_service_timer(&mut self, _connections: &mut Connections<'_, ()>, _tag: u64) {
        self.reach(Place::ServiceTimer);
    }

    fn on_turn_end(&mut self, _connections: &mut Connections<'_, ()>) {
        self.reach(Place::TurnEnd);
    }

    fn on_connect_failed(&mut self, _all: &mut Connections<'_, ()>, _failure: &ConnectFailure) {
        self.reach(Place::ConnectFailed);
    }

    fn on_stop(&mut self, _connections: &mut Connections<'_, ()>) {
        self.reach(Place::Stop);
    }
}

#[test]
fn a_panic_that_is_no_connections_costs_that_call_alone() {
    let (_socket, refused) = refusing();
    for place in
        [Place::Post, Place::ServiceTimer, Place::TurnEnd, Place::ConnectFailed, Place::Stop]
    {
        let mut running =
            serve(|builder| builder.threads(1), move |_seat| Brittle { place, reached: None });
        let panics = running.service_loop();
        let mut stream = running.connect();
        stream.write_all(b"before").unwrap();
        assert_eq!(read_exactly(&stream, 6), b"before", "{place:?}");
        running.service().post(refused).unwrap();
        if place != Place::Stop {
            wait_until("it panics", || panics.stats().panics == 1);
        }
        stream.write_all(b"after").unwrap();
        assert_eq!(read_exactly(&stream, 5), b"after", "{place:?}");
        // One whose `on_stop` panics has shut nothing down; the deadline does.
        running.server.stop(Duration::from_millis(20));
        assert_eq!(panics.stats().panics, 1, "{place:?}");
        assert_eq!(running.server.connection_count(), 0, "{place:?}");
        assert_eq!(read_to_end(&stream), b"");
    }
}

/// A server that panics over the first client, and what that client and the next get.
fn first_panics(
    configure: impl FnOnce(TcpServerBuilder) -> TcpServerBuilder + Send + 'static,
) -> Running<()> {
    let running = serve(configure, |_seat| Echo);
    assert_eq!(read_to_end(&running.connect()), b"", "hung up on");
    let mut next = running.connect();
    next.write_all(b"x").unwrap();
    assert_eq!(read_exactly(&next, 1), b"x");
    assert_eq!(running.main_loop.handle().stats().panics, 1);
    drop(next);
    wait_until("nobody is counted", || running.server.connection_count() == 0);
    running
}

#[test]
fn a_panic_in_the_accept_filter_or_the_placement_costs_that_client_alone() {
    let mut asked = 0;
    first_panics(move |builder| {
        builder.accept_filter(move |_peer| {
            asked += 1;
            assert!(asked > 1, "on purpose");
            true
        })
    });
    let mut placed = 0;
    first_panics(move |builder| {
        builder.placement(Placement::Custom(Box::new(move |_newcomer| {
            placed += 1;
            assert!(placed > 1, "on purpose");
            0
        })))
    });
}
