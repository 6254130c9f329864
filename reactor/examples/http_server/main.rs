//! HTTP/1.1 with keep-alive and pipelining, its heads read by `httparse`:
//! `cargo run --release -p reactor --example http_server -- PORT THREADS`.
//!
//! GET and HEAD of `/`, `/hello` and `/time`. Bodies are skipped; one that is chunked or too long, and
//! whatever is no request, is refused and ends the connection.

use reactor::{Buffer, Connection, ConnectionOptions, EventLoop, Result, Service, TcpServer};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

mod head;

use head::Head;

/// An answer whose status may bring fields with it; to HEAD it has no body, only its length.
fn answer(status: &str, body: &str, method: &str, keeps_alive: bool) -> String {
    let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT");
    let (length, option) = (body.len(), if keeps_alive { "keep-alive" } else { "close" });
    let body = if method == "HEAD" { "" } else { body };
    format!(
        "HTTP/1.1 {status}\r\nDate: {date}\r\nContent-Type: text/plain\r\n\
         Content-Length: {length}\r\nConnection: {option}\r\n\r\n{body}"
    )
}

fn answer_to(head: &Head<'_>) -> String {
    let time;
    let (status, body) = match (head.method, head.path) {
        ("GET" | "HEAD", "/") => ("200 OK", "Try /hello and /time.\n"),
        ("GET" | "HEAD", "/hello") => ("200 OK", "hello, world!\n"),
        ("GET" | "HEAD", "/time") => {
            time = format!("{}\n", jiff::Timestamp::now());
            ("200 OK", &*time)
        }
        ("GET" | "HEAD", _) => ("404 Not Found", "There is no such page.\n"),
        _ => ("405 Method Not Allowed\r\nAllow: GET, HEAD", "Only GET and HEAD.\n"),
    };
    answer(status, body, head.method, head.keeps_alive)
}

pub(crate) struct HttpServer;

impl Service for HttpServer {
    /// Bytes of a body that are still to be skipped.
    type State = usize;
    type Post = ();

    fn on_message(&mut self, connection: &mut Connection<'_, usize>, input: &mut Buffer) {
        while connection.can_send() {
            let body_left = *connection.state();
            let skipped = body_left.min(input.len());
            input.retrieve(skipped);
            *connection.state_mut() = body_left - skipped;
            let (answer, keeps_alive) = match Head::parse(input.peek()) {
                Ok(None) => return,
                Ok(Some(head)) => {
                    *connection.state_mut() = head.body_bytes;
                    let (bytes, answer, keeps_alive) =
                        (head.bytes, answer_to(&head), head.keeps_alive);
                    input.retrieve(bytes);
                    (answer, keeps_alive)
                }
                Err(refusal) => (answer(refusal, "", "", false), false),
            };
            connection.send(answer.as_bytes());
            if !keeps_alive {
                connection.shutdown();
            }
        }
        input.retrieve_all(); // behind the last request
    }

    /// A client that asks faster than it reads must wait.
    fn on_high_water(&mut self, connection: &mut Connection<'_, usize>, _queued: usize) {
        connection.stop_reading();
    }

    fn on_low_water(&mut self, connection: &mut Connection<'_, usize>) {
        connection.start_reading();
    }
}

fn main() -> Result<()> {
    let argument = |position, default: u16| {
        std::env::args().nth(position).and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let mut event_loop = EventLoop::new()?;
    let patience = Some(Duration::from_secs(60));
    let server = TcpServer::builder(SocketAddr::from((Ipv4Addr::LOCALHOST, argument(1, 8000))))
        .threads(usize::from(argument(2, 2)))
        .connection_options(ConnectionOptions { idle_timeout: patience, ..Default::default() })
        .start(&mut event_loop, |_seat| HttpServer)?;
    eprintln!("HTTP on {}", server.local_addr());
    event_loop.run()
}
