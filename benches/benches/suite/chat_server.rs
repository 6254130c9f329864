//! A message through a whole server in this process, over real sockets and a real store.
//!
//! One message is under way at a time, so this is latency; the relay bench measures rates.

use chatproto::{Credentials, Envelope, Event, Login, Request, UserId, decode_event};
use chatservice::config::{Config, Settings};
use chatservice::server::Server;
use criterion::Criterion;
use reactor::EventLoopThread;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

const PASSWORD: &str = "a password";

pub(crate) fn bench(criterion: &mut Criterion, server_cpu: usize) {
    let data = tempfile::tempdir().expect("a folder can be made");
    let (server, loop_thread) = start(data.path(), server_cpu);
    let address = server.local_addr();
    let mut group = criterion.benchmark_group("chat_server");

    let (mut ann, mut bob) = (Client::enter(address, "ann"), Client::enter(address, "bob"));
    let to_bob = ann.chat(bob.id, None);
    let to_ann = bob.chat(ann.id, None);
    group.bench_function("message_there_and_back", |b| {
        b.iter(|| {
            ann.send(&to_bob);
            bob.receive();
            bob.send(&to_ann);
            ann.receive();
        });
    });

    let absent = Client::enter(address, "eve").leave();
    let mut number = 0;
    // Waits for the disk: the answer promises that the message survives.
    group.bench_function("message_stored_and_answered", |b| {
        b.iter(|| {
            number += 1;
            let request = ann.chat(absent, Some(number));
            ann.send(&request);
            ann.receive();
        });
    });
    group.finish();
    drop((ann, bob));
    server.shut_down();
    drop(loop_thread);
}

fn start(data: &Path, cpu: usize) -> (Server, EventLoopThread) {
    let settings = Settings {
        listen: vec!["127.0.0.1".to_owned(), "0".to_owned()],
        data: Some(data.to_owned()),
        threads: Some(1),
        password_kib: Some(8),
        // The bench writes for longer than any mailbox is meant to hold.
        rows_max: Some(usize::MAX >> 1),
        ..Settings::default()
    };
    let config = Config::resolve(settings).expect("good settings");
    super::serve(cpu, |event_loop| Server::start(event_loop, config).expect("the server starts"))
}

struct Client {
    stream: BufReader<TcpStream>,
    line: Vec<u8>,
    id: UserId,
}

impl Client {
    /// Registers and logs in.
    fn enter(address: SocketAddr, name: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("a socket takes options");
        let mut client = Self { stream: BufReader::new(stream), line: Vec::new(), id: UserId(0) };
        let register = Request::Register { name: name.into(), password: PASSWORD.into() };
        client.id = match client.ask(register) {
            Event::RegisterAnswer { id: Some(id), .. } => id,
            other => panic!("{name} could not register: {other:?}"),
        };
        let credentials = Credentials::Password { id: client.id, password: PASSWORD.into() };
        match client.ask(Request::Login(Login { credentials, ack: false, force: false })) {
            Event::LoginAnswer(outcome) if outcome.status.is_ok() => client,
            other => panic!("{name} could not log in: {other:?}"),
        }
    }

    /// Logs out and waits until the server has seen it.
    fn leave(mut self) -> UserId {
        self.send(b"{\"msgid\":1002,\"mid\":\"bye\"}\n");
        self.receive();
        self.id
    }

    /// The bytes of a message to `to`; with a number it is to be answered.
    fn chat(&self, to: UserId, number: Option<u64>) -> Vec<u8> {
        let mid = number.map(|number| number.to_string().into());
        let msg = "x".repeat(64).into();
        let mut bytes = Vec::new();
        let request = Request::Chat { id: Some(self.id), to, msg, time: None };
        Envelope { mid, request }.write(&mut bytes);
        bytes
    }

    fn ask(&mut self, request: Request<'_>) -> Event {
        let mut bytes = Vec::new();
        Envelope { mid: None, request }.write(&mut bytes);
        self.send(&bytes);
        self.receive();
        decode_event(&self.line).expect("the server speaks the protocol")
    }

    fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).expect("the server is there");
    }

    fn receive(&mut self) {
        self.line.clear();
        self.stream.read_until(b'\n', &mut self.line).expect("the server answers");
        assert!(self.line.ends_with(b"\n"), "the server hung up");
    }
}
