//! The keyboard, read by a thread of its own, one line for each question.

use crate::client::ClientEvent;
use crate::dialogue::Question;
use crate::editor::LineEditor;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::io::{self, BufRead, Read as _};
use std::thread;

/// A line may hold a whole object of the protocol; a longer one is refused.
const LINE_BYTES_MAX: usize = 256 * 1024;

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Typed {
    Line(String),
    /// A line that cannot be taken, and why.
    Unusable(&'static str),
    /// There will be no more.
    End,
}

/// Reads lines from standard input as it is; a question gets one.
pub(crate) fn plain(events: Sender<ClientEvent>) -> io::Result<Sender<Question>> {
    start(events, |_| read_line(&mut io::stdin().lock()))
}

/// Reads lines from a terminal with editing, history and hidden passwords.
pub(crate) fn terminal(
    mut editor: LineEditor,
    events: Sender<ClientEvent>,
) -> io::Result<Sender<Question>> {
    start(events, move |question| editor.read_line(question))
}

fn start(
    events: Sender<ClientEvent>,
    mut read: impl FnMut(Question) -> Typed + Send + 'static,
) -> io::Result<Sender<Question>> {
    let (questions, arriving): (_, Receiver<Question>) = bounded(1);
    thread::Builder::new().name("keyboard".to_owned()).spawn(move || {
        for question in arriving {
            if events.send(ClientEvent::Typed(read(question))).is_err() {
                break;
            }
        }
    })?;
    Ok(questions)
}

fn read_line(input: &mut impl BufRead) -> Typed {
    let mut line = Vec::new();
    match input.take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut line) {
        Err(_) | Ok(0) => return Typed::End,
        Ok(_) => {}
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        line.pop_if(|last| *last == b'\r');
    } else if line.len() == LINE_BYTES_MAX {
        return match input.skip_until(b'\n') {
            Ok(_) => Typed::Unusable("that line is too long"),
            Err(_) => Typed::End,
        };
    }
    match String::from_utf8(line) {
        Ok(line) => Typed::Line(line),
        Err(_) => Typed::Unusable("that line is not UTF-8"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(mut input: &[u8]) -> Vec<Typed> {
        let mut typed = Vec::new();
        while typed.last() != Some(&Typed::End) {
            typed.push(read_line(&mut input));
        }
        typed.pop();
        typed
    }

    #[test]
    fn lines_are_read_without_their_ends() {
        let line = |text: &str| Typed::Line(text.to_owned());
        assert_eq!(read_all(b""), []);
        assert_eq!(read_all(b"a\nb\r\n\n c"), [line("a"), line("b"), line(""), line(" c")]);
    }

    #[test]
    fn what_is_unusable_does_not_spoil_the_next_line() {
        let usable = Typed::Line("x".to_owned());
        let not_text = Typed::Unusable("that line is not UTF-8");
        assert_eq!(read_all(b"\xff\nx"), [not_text, usable.clone()]);
        let mut long = vec![b'a'; LINE_BYTES_MAX + 10];
        long.extend(b"\nx\n");
        assert_eq!(read_all(&long), [Typed::Unusable("that line is too long"), usable]);
    }
}
