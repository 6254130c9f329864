use super::*;
use proptest::prelude::*;

#[test]
fn new_buffer_holds_no_memory() {
    let buffer = Buffer::new();
    assert_eq!(buffer.capacity(), 0);
    assert_eq!(buffer.peek(), b"");
    assert_eq!(buffer.writable_bytes(), 0);
}

#[test]
fn append_then_retrieve_in_pieces() {
    let mut buffer = Buffer::new();
    buffer.append(&[b'x'; 200]);
    buffer.retrieve(50);
    assert_eq!(buffer.len(), 150);
    assert_eq!(buffer.prependable_bytes(), CHEAP_PREPEND + 50);
    buffer.append(&[b'y'; 200]);
    assert_eq!(buffer.retrieve_as_vec(150), [b'x'; 150]);
    assert_eq!(buffer.retrieve_as_vec(200), [b'y'; 200]);
    assert_eq!(buffer.prependable_bytes(), CHEAP_PREPEND);
}

#[test]
fn what_is_retrieved_can_be_lent_to_the_last_byte() {
    let mut buffer = Buffer::new();
    buffer.append(b"onetwo");
    assert_eq!(buffer.retrieve_as_slice(3), b"one");
    assert_eq!(buffer.peek(), b"two");
    assert_eq!(buffer.retrieve_as_slice(3), b"two");
    assert!(buffer.is_empty());
    assert_eq!(buffer.prependable_bytes(), CHEAP_PREPEND, "an empty buffer starts anew");
    assert_eq!(buffer.retrieve_as_slice(0), b"");
}

#[test]
fn growth_reuses_the_room_in_front() {
    let mut buffer = Buffer::with_capacity(100);
    let capacity = buffer.capacity();
    buffer.append(&[1; 90]);
    buffer.retrieve(80);
    buffer.append(&[2; 60]);
    assert_eq!(buffer.capacity(), capacity);
    assert_eq!(&buffer.peek()[..10], &[1; 10]);
    assert_eq!(&buffer.peek()[10..], &[2; 60]);
}

#[test]
fn a_long_queue_keeps_its_memory_in_bounds() {
    let mut buffer = Buffer::new();
    buffer.append(&[0; 100_000]);
    for _ in 0..10_000 {
        buffer.append(&[1; 1000]);
        buffer.retrieve(1000);
    }
    assert_eq!(buffer.len(), 100_000);
    assert!(buffer.capacity() < 500_000, "holds {}", buffer.capacity());
}

#[test]
fn prepend_moves_when_the_room_is_too_small() {
    let mut buffer = Buffer::new();
    buffer.append(b"body");
    buffer.prepend(b"a long head of more than eight bytes ");
    assert_eq!(buffer.peek(), b"a long head of more than eight bytes body");
    buffer.prepend_u64(7);
    assert_eq!(buffer.read_u64(), Some(7));
}

#[test]
fn prepend_to_a_buffer_without_memory() {
    let mut buffer = Buffer::new();
    buffer.prepend_u16(0x0102);
    assert_eq!(buffer.peek(), [1, 2]);
}

#[test]
fn integers_are_in_network_byte_order() {
    let mut buffer = Buffer::new();
    buffer.append_u8(0x01);
    buffer.append_u16(0x0203);
    buffer.append_u32(0x0405_0607);
    buffer.append_u64(0x0809_0a0b_0c0d_0e0f);
    assert_eq!(buffer.peek(), (1..=15).collect::<Vec<u8>>());
    assert_eq!(buffer.read_u8(), Some(1));
    assert_eq!(buffer.peek_u16(), Some(0x0203));
    assert_eq!(buffer.read_u16(), Some(0x0203));
    assert_eq!(buffer.read_u32(), Some(0x0405_0607));
    assert_eq!(buffer.read_u64(), Some(0x0809_0a0b_0c0d_0e0f));
    assert_eq!(buffer.read_u8(), None);
}

#[test]
fn short_integers_take_nothing() {
    let mut buffer = Buffer::new();
    buffer.append(&[1, 2, 3]);
    assert_eq!(buffer.read_u32(), None);
    assert_eq!(buffer.len(), 3);
}

#[test]
fn line_ends_are_found_from_an_offset() {
    let mut buffer = Buffer::new();
    buffer.append(b"a\nb\r\nc\r");
    assert_eq!(buffer.find_eol(0), Some(1));
    assert_eq!(buffer.find_eol(2), Some(4));
    assert_eq!(buffer.find_eol(5), None);
    assert_eq!(buffer.find_crlf(0), Some(3));
    assert_eq!(buffer.find_crlf(4), None);
    assert_eq!(buffer.find_crlf(100), None);
}

#[test]
fn shrink_keeps_the_bytes() {
    let mut buffer = Buffer::with_capacity(1 << 20);
    buffer.append(b"small");
    buffer.shrink(0);
    assert!(buffer.capacity() < 64);
    assert_eq!(buffer.peek(), b"small");
}

#[test]
fn unwrite_takes_back_the_end() {
    let mut buffer = Buffer::new();
    buffer.append(b"abcdef");
    buffer.unwrite(2);
    assert_eq!(buffer.peek(), b"abcd");
}

#[test]
#[should_panic(expected = "retrieve(2) of 1 readable bytes")]
fn retrieve_too_much_panics() {
    let mut buffer = Buffer::new();
    buffer.append(b"a");
    buffer.retrieve(2);
}

#[derive(Clone, Debug)]
enum Operation {
    Append(Vec<u8>),
    Prepend(Vec<u8>),
    Retrieve(usize),
    Write(Vec<u8>),
    Unwrite(usize),
    Shrink(usize),
}

fn operation() -> impl Strategy<Value = Operation> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        bytes().prop_map(Operation::Append),
        bytes().prop_map(Operation::Prepend),
        (0..60usize).prop_map(Operation::Retrieve),
        bytes().prop_map(Operation::Write),
        (0..20usize).prop_map(Operation::Unwrite),
        (0..20usize).prop_map(Operation::Shrink),
    ]
}

proptest! {
    #[test]
    fn behaves_as_a_plain_vector(operations in proptest::collection::vec(operation(), 0..60)) {
        let mut buffer = Buffer::new();
        let mut model: Vec<u8> = Vec::new();
        for operation in operations {
            match operation {
                Operation::Append(bytes) => {
                    buffer.append(&bytes);
                    model.extend_from_slice(&bytes);
                }
                Operation::Prepend(bytes) => {
                    buffer.prepend(&bytes);
                    model.splice(0..0, bytes);
                }
                Operation::Retrieve(count) => {
                    let count = count.min(model.len());
                    buffer.retrieve(count);
                    model.drain(..count);
                }
                Operation::Write(bytes) => {
                    buffer.ensure_writable(bytes.len());
                    buffer.writable_mut()[..bytes.len()].copy_from_slice(&bytes);
                    buffer.has_written(bytes.len());
                    model.extend_from_slice(&bytes);
                }
                Operation::Unwrite(count) => {
                    let count = count.min(model.len());
                    buffer.unwrite(count);
                    model.truncate(model.len() - count);
                }
                Operation::Shrink(reserve) => buffer.shrink(reserve),
            }
            prop_assert_eq!(buffer.peek(), &model[..]);
        }
    }
}
