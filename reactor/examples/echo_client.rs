//! Sends the lines of standard input to an echo server and writes what comes back, whatever
//! becomes of the server: `cargo run -p reactor --example echo_client -- ADDRESS...`.

use reactor::{
    Buffer, ClientHandle, CloseReason, ConnectFailure, Connection, Connections, EventLoop, Service,
    TcpClient,
};
use std::collections::VecDeque;
use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::thread;

/// Lines kept while there is no connection; those above push the oldest out.
const UNSENT_MAX: usize = 1000;

/// What is posted to the client.
pub(crate) enum Input {
    Line(String),
    End,
}

/// Writes to `output` what the server sends. Lines that were under way when a connection broke
/// are lost: an echo server does not tell which it has got.
pub(crate) struct EchoClient<W> {
    unsent: VecDeque<String>,
    phase: Phase,
    output: W,
}

#[derive(PartialEq, Eq)]
enum Phase {
    Talking,
    /// The input ended: the loop is quit when the server has sent its last answer.
    Leaving,
}

impl<W> EchoClient<W> {
    pub(crate) fn new(output: W) -> Self {
        Self { unsent: VecDeque::new(), phase: Phase::Talking, output }
    }
}

impl<W: Write + 'static> Service for EchoClient<W> {
    type State = ();
    type Post = Input;

    fn on_connected(&mut self, connection: &mut Connection<'_, ()>) {
        eprintln!("connected to {}", connection.peer_addr());
        for line in self.unsent.drain(..) {
            connection.send(line.as_bytes());
        }
        if self.phase == Phase::Leaving {
            connection.shutdown();
        }
    }

    fn on_post(&mut self, connections: &mut Connections<'_, ()>, input: Input) {
        match input {
            Input::Line(line) if connections.is_empty() => {
                self.unsent.push_back(line);
                if self.unsent.len() > UNSENT_MAX {
                    self.unsent.pop_front();
                }
            }
            Input::Line(line) => connections.for_each(|connection| {
                connection.send(line.as_bytes());
            }),
            Input::End => {
                self.phase = Phase::Leaving;
                connections.for_each(|connection| connection.shutdown());
            }
        }
    }

    fn on_message(&mut self, connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        if self.output.write_all(input.peek()).and_then(|()| self.output.flush()).is_err() {
            connection.force_close();
        }
        input.retrieve_all();
    }

    fn on_closed(&mut self, connection: &mut Connection<'_, ()>, reason: CloseReason) {
        eprintln!("connection closed: {reason:?}");
        if self.phase == Phase::Leaving {
            connection.connections().loop_handle().quit();
        }
    }

    fn on_connect_failed(&mut self, all: &mut Connections<'_, ()>, failure: &ConnectFailure) {
        let wait = failure.next_attempt.map(|next| next.saturating_duration_since(all.now()));
        eprintln!("{failure}; attempt {}, the next after {wait:?}", failure.attempt);
    }
}

/// Sends every line of `input` until it ends.
pub(crate) fn send_lines(input: impl BufRead, client: &ClientHandle<Input>) {
    let lines = input.lines().map_while(Result::ok).map(|line| Input::Line(line + "\n"));
    for input in lines.chain([Input::End]) {
        if client.post(input).is_err() {
            return; // The loop has ended.
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let addresses: Result<Vec<SocketAddr>, _> =
        std::env::args().skip(1).map(|text| text.parse()).collect();
    let mut event_loop = EventLoop::new()?;
    let client = TcpClient::builder(addresses?)
        .enable_retry(true)
        .start(&mut event_loop, |_handle| EchoClient::new(io::stdout()))?;
    client.connect();
    let handle = client.handle();
    thread::spawn(move || send_lines(io::stdin().lock(), &handle));
    Ok(event_loop.run()?)
}
