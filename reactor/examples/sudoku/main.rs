//! muduo's sudoku server: loops talk, threads of a pool compute:
//! `cargo run --release -p reactor --example sudoku -- PORT THREADS WORKERS`.
//!
//! A line `[ID:]` and 81 digits, 0 for a blank, is answered by `[ID:]` and the solution, `NoSolution`
//! or `ServerTooBusy`, in the order in which they are found. Anything else is a bad request.

use crossbeam_channel::{Receiver, Sender, bounded};
use reactor::codec::LineDecoder;
use reactor::{Buffer, Connection, ConnectionId, Connections, EventLoop, Seat, Service, TcpServer};
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;

pub(crate) mod solver;

use solver::{CELLS, solve};

const ID_BYTES_MAX: usize = 64;
/// Puzzles that may wait for a worker; for those beyond it the server is too busy.
const QUEUE_MAX: usize = 1024;
/// Guesses at one puzzle, half a second; for one that needs more the server is too busy. Hard ones
/// take some ten thousand, one made to be hard may take more than there is time for.
const GUESSES_MAX: u32 = 1_000_000;

pub(crate) type Job = Box<dyn FnOnce() + Send>;
pub(crate) type Answer = (ConnectionId, String);

#[derive(Default)]
pub(crate) struct Client {
    lines: LineDecoder,
    /// Puzzles without an answer yet.
    pending: usize,
    /// Nothing more is taken: when all is answered, the connection ends.
    ended: bool,
}

pub(crate) struct Sudoku {
    pub(crate) seat: Seat<Answer>,
    pub(crate) queue: Sender<Job>,
}

impl Sudoku {
    fn ask(&self, connection: &mut Connection<'_, Client>, id: &str, mut cells: [u8; CELLS]) {
        let (client, prefix) = (connection.id(), id.to_owned());
        let service = self.seat.handles[self.seat.index].clone();
        let job = Box::new(move || {
            let mut guesses = GUESSES_MAX;
            let answer = match solve(&mut cells, &mut guesses) {
                Some(true) => cells.map(|value| char::from(b'0' + value)).iter().collect(),
                Some(false) => "NoSolution".to_owned(),
                None => "ServerTooBusy".to_owned(),
            };
            // A service that has ended needs no answer.
            let _ended = service.post((client, format!("{prefix}{answer}\r\n")));
        });
        if self.queue.try_send(job).is_ok() {
            connection.state_mut().pending += 1;
        } else {
            connection.send(format!("{id}ServerTooBusy\r\n").as_bytes());
        }
    }
}

impl Service for Sudoku {
    type State = Client;
    type Post = Answer;

    fn on_message(&mut self, connection: &mut Connection<'_, Client>, input: &mut Buffer) {
        while !connection.state().ended {
            let puzzle = match connection.state_mut().lines.decode(input) {
                Ok(Some(line)) => parse(line),
                Ok(None) => return,
                Err(_too_long) => None,
            };
            if let Some((id, cells)) = puzzle {
                self.ask(connection, id, cells);
            } else {
                connection.send(b"Bad Request!\r\n");
                self.on_end_of_stream(connection);
            }
        }
        input.retrieve_all();
    }

    fn on_end_of_stream(&mut self, connection: &mut Connection<'_, Client>) {
        connection.state_mut().ended = true;
        if connection.state().pending == 0 {
            connection.shutdown();
        }
    }

    fn on_post(&mut self, connections: &mut Connections<'_, Client>, (client, answer): Answer) {
        let Some(mut connection) = connections.get(client) else { return };
        connection.send(answer.as_bytes());
        connection.state_mut().pending -= 1;
        if connection.state().ended {
            self.on_end_of_stream(&mut connection);
        }
    }
}

/// The id with its colon, and the cells.
fn parse(line: &[u8]) -> Option<(&str, [u8; CELLS])> {
    let (id, digits) = line.split_last_chunk::<CELLS>()?;
    let is_id = id.is_empty() || id.ends_with(b":") && id.len() <= ID_BYTES_MAX;
    let id = std::str::from_utf8(id).ok()?;
    (is_id && digits.iter().all(u8::is_ascii_digit)).then(|| (id, digits.map(|digit| digit - b'0')))
}

/// A worker: does what comes until nobody can ask any more.
pub(crate) fn work(queue: &Receiver<Job>) {
    queue.iter().for_each(|job| job());
}

fn main() -> reactor::Result<()> {
    let argument = |position, default: u16| {
        std::env::args().nth(position).and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (queue, jobs) = bounded(QUEUE_MAX);
    for _ in 0..argument(3, 2) {
        let jobs = jobs.clone();
        thread::spawn(move || work(&jobs));
    }
    let mut event_loop = EventLoop::new()?;
    let server = TcpServer::builder(SocketAddr::from((Ipv4Addr::LOCALHOST, argument(1, 9981))))
        .threads(usize::from(argument(2, 2)))
        .start(&mut event_loop, move |seat| Sudoku { seat, queue: queue.clone() })?;
    eprintln!("sudoku on {}", server.local_addr());
    event_loop.run()
}
