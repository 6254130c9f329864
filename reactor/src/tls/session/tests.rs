use super::*;
use crate::tls::localhost::{self, Configs};
use rustls::{ClientConfig, ServerConfig};
use std::sync::Arc;

/// Two sessions, and what is under way between them.
pub(super) struct Pair {
    pub(super) pool: ChunkPool,
    pub(super) ends: [Party; 2],
}

pub(super) struct Party {
    pub(super) session: TlsSession,
    pub(super) output: OutputQueue,
    pub(super) received: Buffer,
}

pub(super) const CLIENT: usize = 0;
pub(super) const SERVER: usize = 1;

impl Pair {
    fn new() -> Self {
        let Configs { server, client } = Configs::new();
        Self::of(server, client)
    }

    pub(super) fn of(server: Arc<ServerConfig>, client: Arc<ClientConfig>) -> Self {
        let mut pool = ChunkPool::default();
        let ends = [Tls::Client(client, localhost::name()), Tls::Server(server)].map(|tls| Party {
            session: TlsSession::new(&tls, &mut pool).unwrap(),
            output: OutputQueue::default(),
            received: Buffer::new(),
        });
        Self { pool, ends }
    }

    fn shaken() -> Self {
        Self::new().shake()
    }

    pub(super) fn shake(mut self) -> Self {
        let pair = &mut self;
        for _ in 0..4 {
            pair.carry(CLIENT, usize::MAX, |_| {}).unwrap();
            pair.carry(SERVER, usize::MAX, |_| {}).unwrap();
        }
        assert!(pair.ends.iter().all(|end| !end.session.is_handshaking()));
        self
    }

    /// Takes up to `count` bytes of records from one end to the other, changed on the way.
    pub(super) fn carry(
        &mut self,
        from: usize,
        count: usize,
        spoil: impl FnOnce(&mut [u8]),
    ) -> io::Result<usize> {
        let sender = &mut self.ends[from];
        if !sender.session.has_sealed() && !sender.session.is_handshaking() {
            sender.session.seal(&sender.output, &mut self.pool)?;
        }
        let sealed = sender.session.sealed().contiguous().expect("records are copied to one piece");
        let mut bytes = sealed[..sealed.len().min(count)].to_vec();
        let taken = sender.session.consume(bytes.len(), &mut self.pool);
        sender.output.consume(taken, &mut self.pool);
        spoil(&mut bytes);
        let receiver = &mut self.ends[1 - from];
        let mut records = Buffer::new();
        receiver.session.take_partial(&mut records);
        records.append(&bytes);
        receiver.session.open(&mut records, &mut receiver.received, &mut self.pool)?;
        Ok(bytes.len())
    }

    pub(super) fn send(&mut self, from: usize, bytes: &[u8]) {
        self.ends[from].output.append(bytes, &mut self.pool);
    }
}

#[test]
fn bytes_arrive_whatever_the_pieces_of_the_records() {
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut pair = Pair::new();
        let sent: [Vec<u8>; 2] = std::array::from_fn(|_| {
            let count = random.usize(..100_000);
            std::iter::repeat_with(|| random.u8(..)).take(count).collect()
        });
        for from in [CLIENT, SERVER] {
            pair.send(from, &sent[from]);
        }
        let largest = if random.bool() { 500 } else { 50_000 };
        while [CLIENT, SERVER].iter().any(|&to| pair.ends[to].received.len() < sent[1 - to].len()) {
            pair.carry(random.usize(..2), random.usize(..largest), |_| {}).unwrap();
        }
        for to in [CLIENT, SERVER] {
            assert!(pair.ends[to].received.peek() == sent[1 - to], "seed {seed}");
        }
        // The last records of a handshake may be under way still.
        for from in [SERVER, CLIENT] {
            while pair.carry(from, usize::MAX, |_| {}).unwrap() > 0 {}
            assert!(pair.ends[from].output.is_empty() && !pair.ends[from].session.has_sealed());
            assert_eq!(pair.ends[1 - from].session.partial.capacity(), 0);
        }
    }
}

#[test]
fn output_is_kept_until_the_kernel_has_all_its_records() {
    let mut pair = Pair::shaken();
    let bytes = vec![7; 100_000];
    pair.send(CLIENT, &bytes);
    pair.carry(CLIENT, 10, |_| {}).unwrap();
    assert_eq!(pair.ends[CLIENT].output.len(), 100_000);
    assert!(pair.ends[CLIENT].session.sealed.len() < 65_536, "no more is sealed than is bound for");
    pair.carry(CLIENT, usize::MAX, |_| {}).unwrap();
    assert_eq!(pair.ends[CLIENT].output.len(), 100_000 - SEALED_BYTES_MAX);
    assert_eq!(pair.ends[SERVER].received.len(), SEALED_BYTES_MAX);
}

#[test]
fn the_end_comes_behind_the_last_byte_and_only_once() {
    let mut pair = Pair::shaken();
    pair.send(CLIENT, b"last words");
    pair.carry(CLIENT, usize::MAX, |_| {}).unwrap();
    pair.ends[CLIENT].session.queue_end(&mut pair.pool).unwrap();
    let once = pair.ends[CLIENT].session.sealed.len();
    pair.ends[CLIENT].session.queue_end(&mut pair.pool).unwrap();
    assert_eq!(pair.ends[CLIENT].session.sealed.len(), once);
    assert!(once > 0 && !pair.ends[SERVER].session.has_ended());
    pair.carry(CLIENT, usize::MAX, |_| {}).unwrap();
    assert!(pair.ends[SERVER].session.has_ended());
    assert_eq!(pair.ends[SERVER].received.peek(), b"last words");
    // The other direction is open.
    pair.send(SERVER, b"an answer");
    pair.carry(SERVER, usize::MAX, |_| {}).unwrap();
    assert_eq!(pair.ends[CLIENT].received.peek(), b"an answer");
}

#[test]
fn no_end_is_queued_before_the_handshake_is_over() {
    let mut pair = Pair::new();
    pair.ends[SERVER].session.queue_end(&mut pair.pool).unwrap();
    assert!(!pair.ends[SERVER].session.has_sealed());
}

#[test]
fn early_data_is_refused() {
    let mut server = Arc::unwrap_or_clone(Configs::new().server);
    server.max_early_data_size = 1;
    let error = TlsSession::new(&Tls::Server(Arc::new(server)), &mut ChunkPool::default());
    assert_eq!(error.err().map(|error| error.kind()), Some(io::ErrorKind::InvalidInput));
}

/// Whatever one bit on the way is: an error, and an alert that tells the other side; never a byte that
/// was not sent, nor a panic.
#[test]
fn spoiled_bytes_are_an_error_that_is_told() {
    let (mut failed, mut told) = (0, 0);
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut pair = if seed % 2 == 0 { Pair::new() } else { Pair::shaken() };
        pair.send(CLIENT, b"to the server");
        pair.send(SERVER, b"to the client");
        let victim = random.usize(..6);
        for turn in 0..6 {
            let from = turn % 2;
            let spoil = |bytes: &mut [u8]| {
                if turn == victim && !bytes.is_empty() {
                    bytes[random.usize(..bytes.len())] ^= 1 << random.u8(..8);
                }
            };
            if pair.carry(from, usize::MAX, spoil).is_err() {
                failed += 1;
                told += u32::from(pair.ends[1 - from].session.has_sealed());
                break;
            }
        }
        assert!(b"to the server".starts_with(pair.ends[SERVER].received.peek()));
        assert!(b"to the client".starts_with(pair.ends[CLIENT].received.peek()));
    }
    assert!(failed > 100, "{failed}");
    assert!(told > failed / 2, "{told} of {failed}");
}
