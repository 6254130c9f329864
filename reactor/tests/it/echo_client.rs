//! The example of that name, over the end of its server.

#[path = "../../examples/echo_client.rs"]
#[expect(dead_code, reason = "its `main` reads standard input")]
mod example;

use crate::client_support::{quick, refusing};
use crate::support::{PATIENCE, echo, read_exactly, read_to_end, record, wait_until};
use example::{EchoClient, Input, send_lines};
use reactor::{EventLoopThread, TcpClient};
use std::cell::OnceCell;
use std::io::{self, Write};
use std::sync::mpsc;

struct Output(mpsc::Sender<Vec<u8>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn it_goes_on_with_the_next_server() {
    let (standby, standby_address) = refusing();
    let first = record(|builder| builder, echo);
    let addresses = [first.running.server.local_addr(), standby_address];
    let ((output, received), (sender, receiver)) = (mpsc::channel(), mpsc::channel());
    let client_loop = EventLoopThread::start("client-loop", move |event_loop| {
        let client = quick(TcpClient::builder(addresses))
            .enable_retry(true)
            .start(event_loop, |_handle| EchoClient::new(Output(output)))
            .unwrap();
        sender.send(client).unwrap();
    });
    let client = receiver.recv().unwrap();
    client.connect();
    client.post(Input::Line("one\n".to_owned())).unwrap();
    assert_eq!(received.recv_timeout(PATIENCE).unwrap(), b"one\n");
    drop(first);
    wait_until("the loss is noticed", || !client.is_connected());
    client.post(Input::Line("two\n".to_owned())).unwrap();
    standby.listen(8).unwrap();
    let standby = std::net::TcpListener::from(standby);
    standby.set_nonblocking(true).unwrap();
    let accepted = OnceCell::new();
    wait_until("it comes to the next server", || {
        standby.accept().is_ok_and(|(stream, _)| accepted.set(stream).is_ok())
    });
    let mut stream = accepted.into_inner().unwrap();
    stream.set_nonblocking(false).unwrap();
    assert_eq!(read_exactly(&stream, 4), b"two\n");
    stream.write_all(b"2").unwrap();
    assert_eq!(received.recv_timeout(PATIENCE).unwrap(), b"2");
    send_lines(&b"three\n"[..], &client);
    assert_eq!(read_to_end(&stream), b"three\n");
    drop(stream);
    wait_until("it has quit its loop", || client.post(Input::End).is_err());
    drop(client_loop);
}
