//! How much of one connection is read before others get their turn, and where reads end.

use crate::support::{Event, record, serve, swallow};
use reactor::{Buffer, Connection, ConnectionOptions, Connections, Service};
use std::io::Write;
use std::sync::mpsc;
use std::thread;

/// One read.
const BUDGET: usize = 64 << 10;

/// Tells how much of each connection came in each turn.
struct Meter {
    most: mpsc::Sender<usize>,
}

impl Service for Meter {
    type State = usize;
    type Post = ();

    fn on_message(&mut self, connection: &mut Connection<'_, usize>, input: &mut Buffer) {
        *connection.state_mut() += input.len();
        input.retrieve_all();
    }

    fn on_turn_end(&mut self, connections: &mut Connections<'_, usize>) {
        let mut most = 0;
        connections.for_each(|connection| most = most.max(std::mem::take(connection.state_mut())));
        self.most.send(most).unwrap();
    }
}

#[test]
fn a_flood_is_read_a_budget_a_turn() {
    let (sender, most) = mpsc::channel();
    let options = ConnectionOptions { read_budget: BUDGET, ..Default::default() };
    let running = serve(
        |builder| builder.connection_options(options),
        move |_seat| Meter { most: sender.clone() },
    );
    thread::scope(|scope| {
        for _ in 0..4 {
            let mut stream = running.connect();
            scope.spawn(move || stream.write_all(&vec![0; 200 * BUDGET]).unwrap());
        }
    });
    let most = most.try_iter().max();
    assert_eq!(most, Some(BUDGET));
}

#[test]
fn bytes_behind_an_urgent_one_do_not_wait_for_more() {
    let recording = record(|builder| builder, swallow);
    let (mut stream, _handle) = recording.connect();
    let release = recording.hold_loop();
    stream.write_all(b"before").unwrap();
    socket2::SockRef::from(&stream).send_out_of_band(b"!").unwrap();
    stream.write_all(b"behind").unwrap();
    release.send(()).unwrap();
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"behind") {
        let Event::Message(_, more) = recording.next() else { panic!("a message") };
        bytes.extend(more);
    }
    assert_eq!(bytes, b"beforebehind");
}
