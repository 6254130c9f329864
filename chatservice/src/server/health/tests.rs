//! What needs a loop that stands still, which the whole server does not do on command.

use super::*;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use parking_lot::Mutex;

/// Pings that were not answered; `None` when they are answered at once.
type Kept = Arc<Mutex<Option<Vec<ServiceHandle<Sign>>>>>;

/// In place of a chat loop.
struct FakeLoop {
    id: u16,
    kept: Kept,
}

impl Service for FakeLoop {
    type State = ();
    type Post = Post;

    fn on_message(&mut self, _connection: &mut Connection<'_, ()>, _input: &mut Buffer) {}

    fn on_post(&mut self, _connections: &mut Connections<'_, ()>, post: Post) {
        let Post::Ping(health) = post else { return };
        match &mut *self.kept.lock() {
            Some(kept) if self.id == 1 => kept.push(health),
            _ => health.post(Sign::Loop(self.id)).expect("the port is open"),
        }
    }
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the port is open");
    write!(stream, "GET {path} HTTP/1.1\r\n\r\n").expect("it takes a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer, then the end");
    answer
}

#[test]
fn a_loop_that_stands_still_is_named_and_asked_once() {
    let kept: Kept = Arc::new(Mutex::new(Some(Vec::new())));
    let (for_loops, (tell, told)) = (Arc::clone(&kept), mpsc::channel());
    let main_loop = thread::spawn(move || {
        let mut event_loop = EventLoop::new().expect("a loop");
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let chat = TcpServer::builder(anywhere)
            .threads(3)
            .start(&mut event_loop, move |seat: Seat<Post>| FakeLoop {
                id: seat.index as u16,
                kept: Arc::clone(&for_loops),
            })
            .expect("a server");
        let health = start(&mut event_loop, anywhere, Weak::new(), chat.handles()).expect("a port");
        tell.send((event_loop.handle(), health.local_addr())).expect("the test waits");
        event_loop.run().expect("the loop runs");
    });
    let (handle, address) = told.recv().expect("it starts");
    let since = Instant::now();
    let probers: Vec<_> = (0..3).map(|_| thread::spawn(move || get(address, "/alive"))).collect();
    for prober in probers {
        let answer = prober.join().expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.ends_with("\"failing\":[\"loop 1\"]}\n"), "{answer}");
    }
    assert!(since.elapsed() >= ANSWER_WITHIN);
    let late = kept.lock().take().expect("kept so far");
    assert_eq!(late.len(), 1);
    late[0].post(Sign::Loop(1)).expect("the port is open");
    assert!(get(address, "/alive").starts_with("HTTP/1.1 200 "));
    // The server is gone, as after the last of its loops.
    assert!(get(address, "/ready").ends_with("\"failing\":[\"draining\"]}\n"));
    handle.quit();
    main_loop.join().expect("it ends");
}
