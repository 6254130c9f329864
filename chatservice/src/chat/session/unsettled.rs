//! How much of what a session sent is still under way: what bounds it reads by.

use crate::chat::ledger::Load;

/// Messages that may be unsettled before nothing more is read from their sender, …
const MESSAGES_MAX: u32 = 1024;
/// … their bytes, …
const BYTES_MAX: u32 = 1 << 20;
/// … and the recipients that they are owed to: a message to a large group may cost a commit of
/// as many rows, which everybody else waits for.
const DEBTS_MAX: u32 = 4096;

/// The sum of what is under way. Small, since every session has one; what it is added to is below
/// its bounds, so that it can pass them by no more than one message.
#[derive(Debug, Default)]
pub(super) struct Unsettled {
    messages: u32,
    bytes: u32,
    debts: u32,
}

impl Unsettled {
    pub(super) fn add(&mut self, load: Load) {
        self.messages += 1;
        self.bytes += load.bytes as u32;
        self.debts += load.debts as u32;
    }

    /// Takes off what was added before.
    pub(super) fn subtract(&mut self, load: Load) {
        self.messages -= 1;
        self.bytes -= load.bytes as u32;
        self.debts -= load.debts as u32;
    }

    /// The message that reaches a bound is the last one that is read.
    pub(super) fn is_full(&self) -> bool {
        self.messages >= MESSAGES_MAX || self.bytes >= BYTES_MAX || self.debts >= DEBTS_MAX
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bound_counts_by_itself() {
        let check = |messages: u32, load: Load, full: bool| {
            let mut unsettled = Unsettled::default();
            (0..messages).for_each(|_| unsettled.add(load));
            assert_eq!(unsettled.is_full(), full, "{messages} of {load:?}");
            (0..messages).for_each(|_| unsettled.subtract(load));
            assert!(unsettled.is_empty() && !unsettled.is_full());
        };
        check(MESSAGES_MAX - 1, Load { bytes: 1, debts: 1 }, false);
        check(MESSAGES_MAX, Load { bytes: 1, debts: 1 }, true);
        check(1, Load { bytes: BYTES_MAX as usize, debts: 1 }, true);
        check(3, Load { bytes: 1, debts: DEBTS_MAX as usize / 4 }, false);
        check(4, Load { bytes: 1, debts: DEBTS_MAX as usize / 4 }, true);
    }
}
