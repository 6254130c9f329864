use super::*;
use proptest::prelude::*;

fn content(queue: &OutputQueue) -> Vec<u8> {
    let mut slices = [IoSlice::new(&[]); GATHER_MAX];
    let count = queue.gather(&mut slices);
    slices[..count].iter().flat_map(|slice| slice.to_vec()).collect()
}

#[test]
fn small_pieces_become_one() {
    let (mut queue, mut pool) = (OutputQueue::default(), ChunkPool::default());
    queue.append(b"one ", &mut pool);
    queue.append_shared(Bytes::from_static(b"two "), &mut pool);
    queue.append(b"three", &mut pool);
    assert_eq!(queue.contiguous(), Some(&b"one two three"[..]));
}

#[test]
fn large_pieces_are_shared_and_keep_their_place() {
    let (mut queue, mut pool) = (OutputQueue::default(), ChunkPool::default());
    let large = Bytes::from(vec![7; SHARED_BYTES_MIN]);
    queue.append(b"before", &mut pool);
    queue.append_shared(large.clone(), &mut pool);
    queue.append(b"after", &mut pool);
    assert_eq!(queue.contiguous(), None);
    let mut slices = [IoSlice::new(&[]); GATHER_MAX];
    assert_eq!(queue.gather(&mut slices), 3);
    assert_eq!(slices[1].as_ptr(), large.as_ptr(), "shared, not copied");
    assert_eq!(content(&queue), [b"before", &large[..], b"after"].concat());
}

#[test]
fn an_empty_queue_holds_no_memory() {
    let (mut queue, mut pool) = (OutputQueue::default(), ChunkPool::default());
    queue.append(b"x", &mut pool);
    queue.append_shared(Bytes::from(vec![1; SHARED_BYTES_MIN]), &mut pool);
    queue.append(b"y", &mut pool);
    queue.consume(queue.len(), &mut pool);
    assert!(queue.is_empty());
    assert_eq!(queue.tail.capacity(), 0);
    assert!(queue.shared.is_none());
}

#[test]
fn chunks_are_reused_up_to_a_size() {
    let (mut queue, mut pool) = (OutputQueue::default(), ChunkPool::default());
    queue.append(b"hello", &mut pool);
    let chunk = queue.tail.as_ptr();
    queue.consume(5, &mut pool);
    queue.append(b"again", &mut pool);
    assert_eq!(queue.tail.as_ptr(), chunk);

    queue.append(&vec![0; ChunkPool::CHUNK_BYTES_MAX], &mut pool);
    queue.consume(queue.len(), &mut pool);
    assert!(pool.chunks.is_empty(), "a large chunk goes back to the allocator");
}

#[test]
fn chunks_are_kept_up_to_a_sum() {
    let mut pool = ChunkPool::default();
    let chunks = ChunkPool::BYTES_MAX / 1024;
    (0..chunks + 10).for_each(|_| pool.put(Vec::with_capacity(1024)));
    assert_eq!(pool.chunks.len(), chunks);
    assert_eq!(pool.take().capacity(), 1024);
    pool.put(Vec::with_capacity(512));
    pool.put(Vec::with_capacity(1024));
    assert_eq!(pool.bytes, ChunkPool::BYTES_MAX - 512, "the last one did not fit");
    while pool.take().capacity() > 0 {}
    assert_eq!(pool.bytes, 0);
}

#[test]
fn a_queue_that_never_empties_does_not_grow() {
    let (mut queue, mut pool) = (OutputQueue::default(), ChunkPool::default());
    queue.append(&[1; 1000], &mut pool);
    for _ in 0..10_000 {
        queue.append(&[2; 100], &mut pool);
        queue.consume(100, &mut pool);
    }
    assert_eq!(queue.len(), 1000);
    assert!(queue.tail.capacity() < 10_000, "holds {}", queue.tail.capacity());
}

#[derive(Clone, Debug)]
enum Operation {
    Append(usize),
    Share(usize),
    Consume(usize),
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        (0..3000usize).prop_map(Operation::Append),
        (0..9000usize).prop_map(Operation::Share),
        (0..12_000usize).prop_map(Operation::Consume),
    ]
}

proptest! {
    #[test]
    fn bytes_leave_in_the_order_they_came(
        operations in proptest::collection::vec(operation(), 0..40),
    ) {
        let (mut queue, mut pool) = (OutputQueue::default(), ChunkPool::default());
        let mut model: VecDeque<u8> = VecDeque::new();
        let mut next = 0u8;
        for operation in operations {
            let mut fresh = |count: usize| -> Vec<u8> {
                (0..count).map(|_| { next = next.wrapping_add(1); next }).collect()
            };
            match operation {
                Operation::Append(count) => {
                    let bytes = fresh(count);
                    queue.append(&bytes, &mut pool);
                    model.extend(bytes);
                }
                Operation::Share(count) => {
                    let bytes = fresh(count);
                    model.extend(&bytes);
                    queue.append_shared(bytes.into(), &mut pool);
                }
                Operation::Consume(count) => {
                    let count = count.min(model.len());
                    queue.consume(count, &mut pool);
                    model.drain(..count);
                }
            }
            prop_assert_eq!(queue.len(), model.len());
            let front = content(&queue);
            prop_assert!(front.iter().eq(model.iter().take(front.len())));
            prop_assert_eq!(front.is_empty(), model.is_empty());
        }
    }
}
