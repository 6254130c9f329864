use super::*;
use crate::connection::service_handle::{Command, ConnectionSink};
use crate::driver::listening::ListeningSocket;
use crate::driver::poller::Poller;
use crate::driver::socket::ListenOptions;
use crate::error::Closed;
use crate::server::placement::Placement;
use crate::{connection::id::ConnectionId, event_loop::loop_core::LoopCore};
use std::net::{SocketAddr, TcpStream as StdStream, UdpSocket};
use std::os::fd::OwnedFd;

const ID: SourceId = SourceId { index: 0, generation: 0 };
const KEY: Key = Key { slot: 0, generation: 0 };
const READABLE: Readiness = Readiness { writable: false, ..Readiness::END };

/// A service whose loop has ended.
struct Ended;

impl ConnectionSink for Ended {
    fn command(&self, _id: ConnectionId, _command: Command) {}

    fn accepted(&self, _arrival: Arrival) -> Result<(), Closed> {
        Err(Closed)
    }
}

fn core() -> LoopCore {
    LoopCore::new(Poller::new().unwrap()).unwrap()
}

fn acceptor(listener: Listener, targets: usize) -> Acceptor {
    let targets = (0..targets).map(|seat| Target { seat, sink: Arc::new(Ended) }).collect();
    let chooser = Chooser::new(Placement::default());
    let door = Arc::new(Door::new(Arc::default(), None));
    Acceptor::new(ID, Arc::new(listener), targets, chooser, door)
}

#[test]
fn an_accept_that_always_fails_pauses() {
    // A socket that is no listener refuses every accept, with an error that could be a client's.
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let address = socket.local_addr().unwrap();
    let socket = ListeningSocket::System(OwnedFd::from(socket).into());
    let listener = Listener::of_socket(socket, address.into());
    let (mut core, mut acceptor) = (core(), acceptor(listener, 1));
    acceptor.on_event(&mut core, KEY, READABLE);
    assert_eq!(acceptor.progress, Progress::Paused);
    assert!(core.timers.next_deadline().is_some());
    assert_eq!(acceptor.door.counters.snapshot().accept_errors, ACCEPTS_PER_TURN as u64);
    assert_eq!(acceptor.end_turn(&mut core), SourceStatus::Active);
    assert!(!core.is_work_pending(), "the loop may sleep");
}

#[test]
fn services_that_have_ended_are_left_out_and_the_last_takes_the_listener() {
    let address = SocketAddr::from(([127, 0, 0, 1], 0)).into();
    let (listening, options) =
        (ListenOptions { backlog: 8, reuse_port: false, only_ipv6: false }, Default::default());
    let mut core = core();
    let listener = Listener::bind(&core.poller, &address, &listening, &options).unwrap();
    let address = listener.address().socket_addr().unwrap();
    let mut acceptor = acceptor(listener, 2);
    for left in [1, 0] {
        let _client = StdStream::connect(address).unwrap();
        acceptor.on_event(&mut core, KEY, READABLE);
        assert_eq!(acceptor.targets.len(), left);
        assert_eq!(acceptor.door.population.connections(), 0);
    }
    assert_eq!(acceptor.end_turn(&mut core), SourceStatus::Finished);
    assert_eq!(StdStream::connect(address).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
}
