//! The services of a loop, for those who look at it from other threads.

use crate::event_loop::mailbox::Mailbox;
use parking_lot::Mutex;
use std::sync::{Arc, Weak};

/// A queue of letters as seen by those who only count them.
trait Queue: Send + Sync {
    fn waiting(&self) -> usize;
}

impl<T: Send> Queue for Mailbox<T> {
    fn waiting(&self) -> usize {
        self.len()
    }
}

/// By source. The loop locks it when a service is installed, and to name one to an observer.
#[derive(Default)]
pub(crate) struct ServiceDirectory(Mutex<Vec<Option<Entry>>>);

struct Entry {
    type_name: &'static str,
    mailbox: Weak<dyn Queue>,
}

impl ServiceDirectory {
    /// Loop thread: remembers the type of the service of a source, and where its letters wait.
    pub(crate) fn enter<S, L: Send + 'static>(&self, source: u16, mailbox: &Arc<Mailbox<L>>) {
        let mut entries = self.0.lock();
        let needed = usize::from(source) + 1;
        if entries.len() < needed {
            entries.resize_with(needed, || None);
        }
        let mailbox: Weak<Mailbox<L>> = Arc::downgrade(mailbox);
        entries[usize::from(source)] =
            Some(Entry { type_name: std::any::type_name::<S>(), mailbox });
    }

    /// Any thread: the type of the service of a source.
    pub(crate) fn type_name(&self, source: u16) -> Option<&'static str> {
        self.0.lock().get(usize::from(source))?.as_ref().map(|entry| entry.type_name)
    }

    /// Any thread: letters that wait for the services that there are now.
    pub(crate) fn letters_waiting(&self) -> usize {
        let entries = self.0.lock();
        let mailboxes = entries.iter().flatten().filter_map(|entry| entry.mailbox.upgrade());
        mailboxes.map(|mailbox| mailbox.waiting()).sum()
    }
}

#[cfg(not(loom))]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_loop::wake_signal::WakeSignal;

    struct Echo;

    fn mailbox(letters: u32) -> Arc<Mailbox<u32>> {
        let mailbox = Arc::new(Mailbox::new(Arc::new(WakeSignal::silent())));
        (0..letters).for_each(|letter| mailbox.push(letter).unwrap());
        mailbox
    }

    #[test]
    fn services_are_named_and_their_letters_counted_while_they_live() {
        let directory = ServiceDirectory::default();
        let (first, second) = (mailbox(2), mailbox(3));
        directory.enter::<Echo, _>(4, &first);
        directory.enter::<u8, _>(1, &second);
        assert!(directory.type_name(4).unwrap().ends_with("Echo"));
        assert_eq!(directory.type_name(1), Some("u8"));
        assert_eq!((directory.type_name(0), directory.type_name(9)), (None, None));
        assert_eq!(directory.letters_waiting(), 5);
        drop(second);
        assert_eq!(directory.letters_waiting(), 2, "who has ended has no letters");
    }

    #[test]
    fn a_source_that_comes_later_takes_the_place() {
        let directory = ServiceDirectory::default();
        let (first, second) = (mailbox(2), mailbox(1));
        directory.enter::<Echo, _>(0, &first);
        directory.enter::<u8, _>(0, &second);
        assert_eq!((directory.type_name(0), directory.letters_waiting()), (Some("u8"), 1));
    }
}
