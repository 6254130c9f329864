//! The call that kept a loop longest.

use crate::event_loop::observer::CallReport;
use crate::event_loop::stats::Counter;
use parking_lot::Mutex;

/// Locked only for a call that is slower than all before it, and by those who look.
#[derive(Debug, Default)]
pub(crate) struct SlowestCallback {
    nanoseconds: Counter,
    call: Mutex<Option<CallReport>>,
}

impl SlowestCallback {
    /// Loop thread only.
    pub(crate) fn raise_to(&self, call: &CallReport) {
        let nanoseconds = call.took.as_nanos() as u64;
        if nanoseconds > self.nanoseconds.get() {
            self.nanoseconds.set(nanoseconds);
            *self.call.lock() = Some(*call);
        }
    }

    /// Any thread.
    pub(crate) fn get(&self) -> Option<CallReport> {
        *self.call.lock()
    }
}
