//! A connection that never stops sending, and one that sends now and then.

use reactor::simulation::{Faults, Simulation};
use reactor::{Buffer, Connection, ConnectionOptions, Service, TcpServer};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Counts bytes by the first byte of each read, which tells who sent it.
struct Counter {
    from_loud: Arc<AtomicUsize>,
    from_quiet: Arc<AtomicUsize>,
}

impl Service for Counter {
    type State = ();
    type Post = ();

    fn on_message(&mut self, _connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        let counter = if input.peek()[0] == b'q' { &self.from_quiet } else { &self.from_loud };
        counter.fetch_add(input.len(), Ordering::Relaxed);
        input.retrieve_all();
    }
}

#[test]
fn a_flood_gets_its_budget_and_its_neighbour_the_same_turn() {
    const BUFFER: usize = 4 << 20;
    let faults = Faults {
        buffer_bytes: BUFFER..BUFFER + 1,
        segment_bytes: BUFFER..BUFFER + 1,
        delay: Duration::ZERO..Duration::ZERO,
        ..Faults::none()
    };
    let simulation = Simulation::new(1, faults);
    let mut event_loop = simulation.event_loop().unwrap();
    let address = "10.0.0.1:9".parse().unwrap();
    let (loud, quiet) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let (from_loud, from_quiet) = (loud.clone(), quiet.clone());
    let budget = ConnectionOptions::default().read_budget;
    let _server = TcpServer::builder(address)
        .start(&mut event_loop, move |_seat| Counter {
            from_loud: from_loud.clone(),
            from_quiet: from_quiet.clone(),
        })
        .unwrap();
    let mut peers = [simulation.connect(address), simulation.connect(address)];
    while !peers.iter().all(reactor::simulation::SimulatedPeer::is_open) {
        event_loop.run_once(Some(Duration::from_millis(1))).unwrap();
    }
    let block = vec![b'l'; BUFFER];
    for turn in 0..100 {
        peers[0].send(&block);
        peers[1].send(b"q");
        // Both arrive before the turn.
        event_loop.run_once(Some(Duration::from_millis(1))).unwrap();
        let before = loud.load(Ordering::Relaxed);
        event_loop.run_once(Some(Duration::ZERO)).unwrap();
        let read = loud.load(Ordering::Relaxed) - before;
        assert!(read <= budget + 64 * 1024, "{read} bytes in turn {turn}");
        assert!(quiet.load(Ordering::Relaxed) >= turn, "the quiet one waits in turn {turn}");
    }
    assert!(loud.load(Ordering::Relaxed) > 10 * budget, "the loud one waits");
}
