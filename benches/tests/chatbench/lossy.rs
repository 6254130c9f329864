//! A proxy in front of a server that does something to a message on its way to a client.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

/// What is done to message [`TENTH`] of each connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    Lose,
    Double,
    /// The one after it goes first.
    Swap,
    Change,
}

const TENTH: usize = 10;

/// The proxy; its threads end with the connections, or with the test.
pub(crate) struct Lossy {
    address: SocketAddr,
}

impl Lossy {
    pub(crate) fn start(server: SocketAddr, fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(server).unwrap());
                let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                // A connection that breaks is what the program under test does in the end.
                thread::spawn(move || drop(io::copy(&mut from, &mut to)));
                thread::spawn(move || drop(pass(server, client, fault)));
            }
        });
        Self { address }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

fn pass(server: TcpStream, mut client: TcpStream, fault: Fault) -> io::Result<()> {
    let mut messages = 0;
    let mut held = None;
    for line in BufReader::new(server).split(b'\n') {
        let mut line = line?;
        line.push(b'\n');
        if line.starts_with(br#"{"msgid":1005,"#) {
            messages += 1;
            match fault {
                _ if messages != TENTH => {}
                Fault::Lose => continue,
                Fault::Double => client.write_all(&line)?,
                Fault::Swap => {
                    held = Some(line);
                    continue;
                }
                Fault::Change => {
                    let dot = line.iter().position(|byte| *byte == b'.').unwrap();
                    line[dot] = b',';
                }
            }
        }
        client.write_all(&line)?;
        if let Some(held) = held.take() {
            client.write_all(&held)?;
        }
    }
    Ok(())
}
