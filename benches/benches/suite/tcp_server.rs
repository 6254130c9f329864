//! The reactor's server and, beside it, the bare epoll loop: echoes and whole connections.
//!
//! The clients block, on the thread of the bench; a server has another thread. So the figures
//! hold the clients' cost too: compare rows with each other, not with the relay bench.

use benches::affinity::pin_thread;
use benches::bare_epoll::{BareEcho, Recipients};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput};
use reactor::{Buffer, Connection, EventLoopThread, Service, TcpServer};
use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

const SIZES: [usize; 2] = [64, 16 * 1024];
const CONNECTIONS: [usize; 2] = [1, 100];

struct Echo;

impl Service for Echo {
    type State = ();
    type Post = Infallible;

    fn on_message(&mut self, connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        // A connection that is full or closed says so in its last callback.
        let _status = connection.send(input.peek());
        input.retrieve_all();
    }
}

pub(crate) fn bench(criterion: &mut Criterion, server_cpu: usize) {
    let (server, loop_thread) = start_reactor(server_cpu);
    let contenders = [("reactor", server.local_addr()), ("bare", start_bare(server_cpu))];
    for (name, address) in contenders {
        let mut group = criterion.benchmark_group(format!("echo_{name}"));
        for size in SIZES {
            for connections in CONNECTIONS {
                bench_echo(&mut group, address, size, connections);
            }
        }
        group.finish();
    }
    let mut group = criterion.benchmark_group("connect_echo_close");
    group.throughput(Throughput::Elements(1));
    for (name, address) in contenders {
        group.bench_function(name, |b| b.iter(|| connect_echo_close(address)));
    }
    group.finish();
    drop(server);
    drop(loop_thread);
}

/// All connections send a block, then all read theirs.
fn bench_echo(
    group: &mut BenchmarkGroup<'_, WallTime>,
    address: SocketAddr,
    size: usize,
    connections: usize,
) {
    let id = BenchmarkId::new(format!("{size}B"), connections);
    group.throughput(Throughput::Bytes((size * connections) as u64));
    group.bench_function(id, |b| {
        let mut clients: Vec<_> = (0..connections).map(|_| connect(address)).collect();
        let mut block = vec![b'x'; size];
        b.iter(|| {
            for client in &mut clients {
                client.write_all(&block).expect("the server is there");
            }
            for client in &mut clients {
                client.read_exact(&mut block).expect("the server echoes");
            }
        });
    });
}

fn connect_echo_close(address: SocketAddr) {
    let mut client = connect(address);
    client.write_all(b"x").expect("the server is there");
    client.read_exact(&mut [0]).expect("the server echoes");
    // A reset instead of a farewell: no port is left waiting, however many connections come.
    rustix::net::sockopt::set_socket_linger(&client, Some(Duration::ZERO))
        .expect("a socket can linger");
}

fn connect(address: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(address).expect("the server listens");
    client.set_nodelay(true).expect("a socket takes options");
    client
}

fn start_reactor(cpu: usize) -> (TcpServer<Infallible>, EventLoopThread) {
    super::serve(cpu, |event_loop| {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        TcpServer::builder(address).start(event_loop, |_| Echo).expect("a port is free")
    })
}

/// Ends with the process.
fn start_bare(cpu: usize) -> SocketAddr {
    let server = BareEcho::bind(0, Recipients::Sender).expect("a port is free");
    let address = server.local_addr().expect("it is bound");
    thread::spawn(move || {
        pin_thread(cpu).expect("it is allowed");
        server.run()
    });
    address
}
