//! What a shard wants done, in order, with the bytes that it wants sent.

use std::ops::Range;

use super::effect::{ConnId, Effect};
use crate::message::Sid;

/// What [`Effects::clear`] keeps: more than a turn needs but for fan-out and large answers.
const KEPT_EFFECTS: usize = 4096;
const KEPT_BYTES: usize = 1 << 20;

/// Effects in the order in which they are to be carried out.
#[derive(Default)]
pub struct Effects {
    /// What is to be done.
    pub list: Vec<Effect>,
    /// The bytes that [`Effect::Send`] refers to; cleared together with the list.
    pub bytes: Vec<u8>,
    /// Where the message lies that was shown last as the original does.
    shown: Option<(Sid, Range<usize>)>,
}

impl Effects {
    /// Appends an effect.
    pub fn push(&mut self, effect: Effect) {
        self.list.push(effect);
    }

    /// Sends what `write` appends to the buffer that it is given.
    pub fn send(&mut self, conn: ConnId, write: impl FnOnce(&mut Vec<u8>)) {
        let range = self.append(write);
        self.send_range(conn, range);
    }

    /// As [`Self::send`] for a message that reads the same for everybody: it is written once for
    /// all who are shown it one after the other.
    pub fn show(&mut self, conn: ConnId, sid: Sid, write: impl FnOnce(&mut Vec<u8>)) {
        let range = match &self.shown {
            Some((last, range)) if *last == sid => range.clone(),
            _ => {
                let range = self.append(write);
                self.shown = Some((sid, range.clone()));
                range
            }
        };
        self.send_range(conn, range);
    }

    fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Range<usize> {
        let start = self.bytes.len();
        write(&mut self.bytes);
        start..self.bytes.len()
    }

    fn send_range(&mut self, conn: ConnId, range: Range<usize>) {
        // Neighbouring sends to one connection become one, as pipelined answers often are.
        match self.list.last_mut() {
            Some(Effect::Send { conn: last, bytes })
                if *last == conn && bytes.end == range.start =>
            {
                bytes.end = range.end;
            }
            _ => self.list.push(Effect::Send { conn, bytes: range }),
        }
    }

    /// Forgets everything, keeping memory for a turn of usual size.
    pub fn clear(&mut self) {
        self.list.clear();
        self.bytes.clear();
        self.shown = None;
        self.list.shrink_to(KEPT_EFFECTS);
        self.bytes.shrink_to(KEPT_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_are_shown_is_written_once() {
        let mut effects = Effects::default();
        let (ann, bob, eve) = (ConnId(1), ConnId(2), ConnId(3));
        let mut written = 0;
        let mut show = |effects: &mut Effects, conn, sid, text: &str| {
            effects.show(conn, Sid(sid), |out| {
                written += 1;
                out.extend(text.bytes());
            });
        };
        show(&mut effects, ann, 1, "one");
        effects.send(ann, |out| out.extend(b", and more"));
        show(&mut effects, bob, 1, "one");
        show(&mut effects, bob, 2, "two");
        show(&mut effects, eve, 2, "two");
        effects.clear();
        show(&mut effects, eve, 2, "two");
        assert_eq!(said(&effects), [(eve, "two")], "what was cleared is written again");
        assert_eq!(written, 3);
    }

    #[test]
    fn neighbours_become_one_and_keep_their_words() {
        let mut effects = Effects::default();
        let (ann, bob) = (ConnId(1), ConnId(2));
        effects.show(ann, Sid(1), |out| out.extend(b"one"));
        effects.send(ann, |out| out.extend(b", two"));
        effects.show(bob, Sid(1), |_| unreachable!("it was written"));
        effects.send(bob, |out| out.extend(b", three"));
        let expected = [(ann, "one, two"), (bob, "one"), (bob, ", three")];
        assert_eq!(said(&effects), expected);
    }

    fn said(effects: &Effects) -> Vec<(ConnId, &str)> {
        let said = effects.list.iter().map(|effect| match effect {
            Effect::Send { conn, bytes } => {
                (*conn, str::from_utf8(&effects.bytes[bytes.clone()]).unwrap())
            }
            _ => panic!("nothing else was wanted"),
        });
        said.collect()
    }
}
