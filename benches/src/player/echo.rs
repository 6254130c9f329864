//! Blocks that a server sends back as they are.

use super::TEXT_BYTES;
use super::wire::{Heard, Wire, surprise, text};
use crate::numbered_text::{Frame, Template};
use std::io;

/// See the module.
#[derive(Debug)]
pub(super) struct Echo {
    template: Template,
    frame: Frame,
}

impl Echo {
    pub(super) fn new() -> Self {
        let template = Template::new(format!("{}\n", &text()[..TEXT_BYTES - 1]));
        let mut first = Vec::new();
        template.write(0, &mut first);
        let frame = Frame::learn(&first, 0, b"").expect("the number was written there");
        Self { template, frame }
    }
}

impl Wire for Echo {
    fn hear(&mut self, bytes: &[u8]) -> io::Result<Option<(usize, Heard)>> {
        let Some(block) = bytes.get(..TEXT_BYTES) else { return Ok(None) };
        match self.frame.read(block) {
            Some((number, b"")) => Ok(Some((TEXT_BYTES, Heard::Message(number)))),
            _ => Err(surprise(block, "not the block that was sent")),
        }
    }

    fn say(&mut self, number: u64, out: &mut Vec<u8>) {
        self.template.write(number, out);
    }

    fn reply(&mut self, _: &mut Vec<u8>) {}
}
