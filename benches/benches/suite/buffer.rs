//! Appending to a buffer and retrieving from it.

use criterion::{BenchmarkId, Criterion, Throughput};
use reactor::Buffer;
use std::hint::black_box;

/// A short message, and as much as one read brings at most.
const SIZES: [usize; 2] = [64, 64 * 1024];
/// Lines in a buffer that is retrieved line by line.
const LINES: usize = 100;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("buffer");
    for size in SIZES {
        let bytes = vec![b'x'; size];
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_with_input(BenchmarkId::new("append_retrieve", size), &bytes, |b, bytes| {
            let mut buffer = Buffer::new();
            b.iter(|| {
                buffer.append(black_box(bytes));
                black_box(buffer.peek());
                buffer.retrieve(bytes.len());
            });
        });
    }
    let lines = [vec![b'x'; 99], vec![b'\n']].concat().repeat(LINES);
    group.throughput(Throughput::Elements(LINES as u64));
    group.bench_function("retrieve_lines", |b| {
        let mut buffer = Buffer::new();
        b.iter(|| {
            buffer.append(&lines);
            while let Some(end) = buffer.find_eol(0) {
                buffer.retrieve(end + 1);
            }
        });
    });
    group.finish();
}
