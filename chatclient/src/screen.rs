//! The screen, written by a thread of its own: a terminal that is held up holds up nothing else.

use crate::client::ClientEvent;
use crossbeam_channel::{Sender, bounded};
use rustyline::ExternalPrinter;
use std::io::{self, Write as _};
use std::thread;

/// Hands text to the screen's thread, a batch at a time.
#[derive(Debug)]
pub(crate) struct Screen {
    batches: Sender<String>,
    /// What the next batch will be.
    pending: String,
    /// A batch is being printed; [`ClientEvent::Printed`] ends it.
    is_printing: bool,
}

impl Screen {
    /// A screen that `print` prints to.
    fn start(
        mut print: impl FnMut(String) -> io::Result<()> + Send + 'static,
        events: Sender<ClientEvent>,
    ) -> io::Result<Self> {
        let (batches, arriving) = bounded::<String>(1);
        thread::Builder::new().name("screen".to_owned()).spawn(move || {
            for batch in arriving {
                let event = match print(batch) {
                    Ok(()) => ClientEvent::Printed,
                    Err(_) => ClientEvent::ScreenFailed,
                };
                if events.send(event).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { batches, pending: String::new(), is_printing: false })
    }

    /// Standard output as it is.
    pub(crate) fn plain(events: Sender<ClientEvent>) -> io::Result<Self> {
        let print = |batch: String| {
            let mut stdout = io::stdout().lock();
            stdout.write_all(batch.as_bytes())?;
            stdout.flush()
        };
        Self::start(print, events)
    }

    /// A terminal on which a line may be under edit, above which text goes.
    pub(crate) fn terminal(
        mut printer: impl ExternalPrinter + Send + 'static,
        events: Sender<ClientEvent>,
    ) -> io::Result<Self> {
        Self::start(move |batch| printer.print(batch).map_err(io::Error::other), events)
    }

    /// Shows `text`, which ends with a newline, after what was shown before.
    pub(crate) fn show(&mut self, text: &str) {
        self.pending.push_str(text);
        self.print_pending();
    }

    /// Takes notice that a batch is on the screen.
    pub(crate) fn handle_printed(&mut self) {
        self.is_printing = false;
        self.print_pending();
    }

    /// Whether all that was shown is on the screen.
    pub(crate) fn is_idle(&self) -> bool {
        !self.is_printing && self.pending.is_empty()
    }

    /// Bytes that wait for the screen.
    pub(crate) fn pending_bytes(&self) -> usize {
        self.pending.len()
    }

    fn print_pending(&mut self) {
        if !self.is_printing && !self.pending.is_empty() {
            // The channel holds one batch, and none is under way, so that this does not wait.
            self.is_printing = self.batches.send(std::mem::take(&mut self.pending)).is_ok();
        }
    }
}
