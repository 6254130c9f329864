//! What the protocol costs for one message of 64 bytes: found, decoded, encoded, addressed.

use chatproto::{ChatObject, Envelope, Framer, Request, Scan, UserId, decode};
use criterion::{BenchmarkId, Criterion, Throughput};
use std::hint::black_box;

const TIME: &str = "2026-01-02 03:04:05";
/// Objects that arrive in one read of a client in a hurry.
const PIPELINED: usize = 50;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec");
    let text = "x".repeat(64);
    let line = request_line(&text);
    for objects in [1, PIPELINED] {
        let stream = line.repeat(objects);
        group.throughput(Throughput::Bytes(stream.len() as u64));
        group.bench_with_input(BenchmarkId::new("scan", objects), &stream, |b, stream| {
            let mut framer = Framer::new(64 * 1024);
            b.iter(|| scan_all(&mut framer, black_box(stream)));
        });
    }
    group.throughput(Throughput::Elements(1));
    group.bench_function("decode", |b| b.iter(|| decode(black_box(&line)).is_ok()));
    let escaped = request_line(&"\\\"\n你".repeat(11));
    group.bench_function("decode_escaped", |b| b.iter(|| decode(black_box(&escaped)).is_ok()));
    group.bench_function("encode", |b| {
        b.iter(|| ChatObject::direct(UserId(1), "ann", UserId(2), black_box(&text), TIME));
    });
    let chat = ChatObject::direct(UserId(1), "ann", UserId(2), &text, TIME);
    let mut out = Vec::new();
    group.bench_function("write_plain", |b| {
        b.iter(|| {
            out.clear();
            black_box(&chat).write_plain(&mut out);
            black_box(&out);
        });
    });
    group.bench_function("write_acknowledged", |b| {
        b.iter(|| {
            out.clear();
            let sid = black_box("019aa0b1c2d3000000000001");
            black_box(&chat).write_acknowledged(&mut out, 1234, sid, "0123456789abcdef");
            black_box(&out);
        });
    });
    group.finish();
}

/// The request that sends `text`.
fn request_line(text: &str) -> Vec<u8> {
    let request = Request::Chat {
        id: Some(UserId(1)),
        to: UserId(2),
        msg: text.into(),
        time: Some(TIME.into()),
    };
    let mut line = Vec::new();
    Envelope { mid: Some("0123456789abcdef".into()), request }.write(&mut line);
    line
}

/// How many objects are in `unread`.
fn scan_all(framer: &mut Framer, mut unread: &[u8]) -> usize {
    let mut objects = 0;
    while let Ok(Scan::Object { text, consumed }) = framer.scan(unread) {
        black_box(text);
        unread = &unread[consumed..];
        objects += 1;
    }
    objects
}
