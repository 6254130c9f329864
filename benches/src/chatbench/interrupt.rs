//! The end of a run by a signal: what was started must end with it.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::{register, register_conditional_shutdown};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

static INTERRUPTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// From now on SIGINT and SIGTERM are errors of [`check`]; a second one ends the process at once.
pub(super) fn listen() -> io::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        register_conditional_shutdown(signal, 1, Arc::clone(&INTERRUPTED))?;
        register(signal, Arc::clone(&INTERRUPTED))?;
    }
    Ok(())
}

/// An error if a signal came.
pub(super) fn check() -> io::Result<()> {
    if INTERRUPTED.load(Ordering::Relaxed) {
        return Err(io::Error::other("interrupted: there is nothing to report"));
    }
    Ok(())
}
