//! How a slot of a table travels through 64 bits: in the kernel's event, and in a
//! [`ConnectionId`](crate::ConnectionId).
//!
//! ```text
//! | owner 12 bits | generation 28 bits | slot 24 bits |
//! ```
//!
//! The owner is a source of the loop in an event, and a seat of the server in a connection id.
//! The generation tells the present tenant of a slot from those before it.

const SLOT_BITS: u32 = 24;
const GENERATION_BITS: u32 = 28;

/// Slots one table can hold: 16.7 million.
pub(crate) const SLOTS_MAX: usize = 1 << SLOT_BITS;
/// Owners that fit; the last number is never given out, because [`WAKE_TOKEN`] has all bits set.
pub(crate) const OWNERS_MAX: usize = (1 << (64 - SLOT_BITS - GENERATION_BITS)) - 1;
/// Generations before the counter starts again from 0.
pub(crate) const GENERATIONS: u32 = 1 << GENERATION_BITS;
/// The token of the loop's own waker.
pub(crate) const WAKE_TOKEN: u64 = u64::MAX;

// mio keeps the token in a usize.
const _: () = assert!(usize::BITS == 64);

/// A slot and the generation of its tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// Packs `owner`, generation and slot.
pub(crate) fn pack(owner: u16, key: Key) -> u64 {
    debug_assert!(usize::from(owner) < OWNERS_MAX);
    debug_assert!((key.slot as usize) < SLOTS_MAX && key.generation < GENERATIONS);
    (u64::from(owner) << (SLOT_BITS + GENERATION_BITS))
        | (u64::from(key.generation) << SLOT_BITS)
        | u64::from(key.slot)
}

/// The inverse of [`pack`].
pub(crate) fn unpack(bits: u64) -> (u16, Key) {
    let owner = (bits >> (SLOT_BITS + GENERATION_BITS)) as u16;
    let generation = (bits >> SLOT_BITS) as u32 & (GENERATIONS - 1);
    let slot = bits as u32 & (SLOTS_MAX as u32 - 1);
    (owner, Key { slot, generation })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn unpack_undoes_pack(
            owner in 0..OWNERS_MAX as u16,
            slot in 0..SLOTS_MAX as u32,
            generation in 0..GENERATIONS,
        ) {
            let key = Key { slot, generation };
            prop_assert_eq!(unpack(pack(owner, key)), (owner, key));
        }
    }

    #[test]
    fn no_packed_token_is_the_wake_token() {
        let key = Key { slot: SLOTS_MAX as u32 - 1, generation: GENERATIONS - 1 };
        assert_ne!(pack(OWNERS_MAX as u16 - 1, key), WAKE_TOKEN);
    }
}
