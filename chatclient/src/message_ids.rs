//! Names for requests that this sender never uses twice, in this process or another.

use std::hash::{BuildHasher as _, RandomState};

/// Gives every request its `mid`: 128 random bits of the process and a number.
#[derive(Debug, Clone)]
pub struct MessageIds {
    process: u128,
    last: u64,
}

impl MessageIds {
    /// Ids of a process with this prefix; no two processes may have the same.
    pub fn new(process: u128) -> Self {
        Self { process, last: 0 }
    }

    /// An id that was never given before.
    pub fn next_id(&mut self) -> String {
        self.last += 1;
        format!("{:032x}-{}", self.process, self.last)
    }
}

/// A prefix from the random keys that the operating system gives each process.
pub fn random_process_prefix() -> u128 {
    let keys = RandomState::new();
    u128::from(keys.hash_one(0_u8)) << 64 | u128::from(keys.hash_one(1_u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_fit_the_protocol() {
        let mut ids = MessageIds::new(random_process_prefix());
        let (first, second) = (ids.next_id(), ids.next_id());
        assert_ne!(first, second);
        assert!(first.starts_with(&second[..32]));
        ids.last = u64::MAX - 1;
        assert!(ids.next_id().len() <= chatproto::limits::MID_CHARACTERS_MAX);
        assert_ne!(random_process_prefix(), random_process_prefix());
    }
}
