//! What a client's application sees behind the connection.

use std::collections::HashSet;

use serde_json::Value;

/// Messages in the order in which they came first; (id, mid) tells repeats.
#[derive(Default)]
pub(crate) struct Inbox {
    seen: HashSet<(i64, String)>,
    texts: Vec<(i64, String)>,
    repeats: usize,
}

impl Inbox {
    /// Takes a push to an acknowledging client; says whether it was new.
    pub(crate) fn take(&mut self, push: &Value) -> bool {
        let sender = push["id"].as_i64().expect("a push has an id");
        let mid = push["mid"].as_str().expect("a push to an ack client has a mid").to_owned();
        let new = self.seen.insert((sender, mid));
        if new {
            let text = push["msg"].as_str().expect("a push has a msg");
            self.texts.push((sender, text.to_owned()));
        } else {
            self.repeats += 1;
        }
        new
    }

    /// The texts of one sender, in the order in which they came first.
    pub(crate) fn texts_from(&self, sender: i64) -> Vec<&str> {
        let texts = self.texts.iter().filter(|(id, _)| *id == sender);
        texts.map(|(_, text)| text.as_str()).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    /// How often something came again.
    pub(crate) fn repeats(&self) -> usize {
        self.repeats
    }
}
