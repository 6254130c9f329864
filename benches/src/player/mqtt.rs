//! PUBLISH of MQTT 3.1.1 from topic to topic, and with QoS 1 the PUBACKs in both directions.

use super::dialogue::Subjects;
use super::wire::{Heard, Wire, first_text, surprise, text};
use crate::numbered_text::{Frame, Template};
use std::io;

/// The first byte of a PUBLISH without its QoS, which stands two bits from the right.
const PUBLISH: u8 = 0x30;
/// The first two bytes of a PUBACK: its kind, and the length of what follows.
const PUBACK: [u8; 2] = [0x40, 2];
/// A packet has that many bytes for the length of what follows.
const LENGTH_BYTES_MAX: usize = 4;

/// What is promised for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Qos {
    /// 0: nothing, and no answers.
    AtMostOnce,
    /// 1: the broker acknowledges what it took, the client what it got.
    AtLeastOnce,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Mqtt {
    qos: Qos,
    /// Of the own messages: what stands before the packet's number, and after it.
    start: Vec<u8>,
    template: Template,
    /// Of those that come: what stands before the packet's number, and the text.
    incoming: Vec<u8>,
    message: Frame,
    /// Messages that the broker has answered.
    answered: u64,
    /// PUBACKs that are owed.
    owed: Vec<u8>,
}

impl Mqtt {
    pub(super) fn new(Subjects { own, partner }: Subjects, qos: Qos) -> Self {
        let message = Frame::learn(first_text().as_bytes(), 0, b"");
        Self {
            qos,
            start: publish(&partner, qos),
            template: Template::new(text()),
            incoming: publish(&own, qos),
            message: message.expect("the number is in the text"),
            answered: 0,
            owed: Vec::new(),
        }
    }

    fn hear_message(&mut self, packet: &[u8]) -> Option<Heard> {
        let mut text = packet.strip_prefix(self.incoming.as_slice())?;
        if self.qos == Qos::AtLeastOnce {
            let (number, rest) = text.split_at_checked(2)?;
            self.owed.extend_from_slice(&PUBACK);
            self.owed.extend_from_slice(number);
            text = rest;
        }
        match self.message.read(text)? {
            (number, b"") => Some(Heard::Message(number)),
            _ => None,
        }
    }

    /// The broker answers in the order of sending, as it must.
    fn hear_answer(&mut self, packet: &[u8]) -> Option<Heard> {
        let number = packet.strip_prefix(&PUBACK)?;
        if self.qos == Qos::AtMostOnce || number != packet_number(self.answered) {
            return None;
        }
        self.answered += 1;
        Some(Heard::Answer(self.answered - 1))
    }
}

impl Wire for Mqtt {
    fn hear(&mut self, bytes: &[u8]) -> io::Result<Option<(usize, Heard)>> {
        let Some(end) = packet_bytes(bytes)? else { return Ok(None) };
        let Some(packet) = bytes.get(..end) else { return Ok(None) };
        let heard = match packet[0] & 0xf0 {
            PUBLISH => self.hear_message(packet),
            _ => self.hear_answer(packet),
        };
        let heard = heard.ok_or_else(|| surprise(packet, "not the partner's message"))?;
        Ok(Some((end, heard)))
    }

    fn say(&mut self, number: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.start);
        if self.qos == Qos::AtLeastOnce {
            out.extend_from_slice(&packet_number(number));
        }
        self.template.write(number, out);
    }

    fn reply(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.owed);
    }

    fn is_answered(&self) -> bool {
        self.qos == Qos::AtLeastOnce
    }
}

/// A packet: its first byte, the length of `body`, and `body`.
pub(crate) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = start(first, body.len());
    bytes.extend_from_slice(body);
    bytes
}

/// A text with its length before it.
pub(crate) fn string(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("texts of a bench are short");
    [&length.to_be_bytes(), text.as_bytes()].concat()
}

/// How long the first packet of `bytes` is; `None` if its head has not come.
fn packet_bytes(bytes: &[u8]) -> io::Result<Option<usize>> {
    let mut length = 0;
    for (at, byte) in bytes.iter().skip(1).take(LENGTH_BYTES_MAX).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(Some(2 + at + length));
        }
    }
    if bytes.len() > LENGTH_BYTES_MAX {
        return Err(surprise(bytes, "not a packet"));
    }
    Ok(None)
}

/// A PUBLISH to `topic` up to its number, or to its text where it has none.
fn publish(topic: &str, qos: Qos) -> Vec<u8> {
    let topic = string(topic);
    let (bits, number_bytes) = match qos {
        Qos::AtMostOnce => (0, 0),
        Qos::AtLeastOnce => (2, 2),
    };
    let mut bytes = start(PUBLISH | bits, topic.len() + number_bytes + text().len());
    bytes.extend_from_slice(&topic);
    bytes
}

fn start(first: u8, mut length: usize) -> Vec<u8> {
    let mut bytes = vec![first];
    loop {
        let low = (length & 0x7f) as u8;
        length >>= 7;
        if length == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// The number of the packet of message `number`, which is never 0.
fn packet_number(number: u64) -> [u8; 2] {
    ((number % 0xffff) as u16 + 1).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mqtt(own: &str, partner: &str, qos: Qos) -> Mqtt {
        Mqtt::new(Subjects { own: own.to_owned(), partner: partner.to_owned() }, qos)
    }

    fn said(mqtt: &mut Mqtt, number: u64) -> Vec<u8> {
        let mut out = Vec::new();
        mqtt.say(number, &mut out);
        out
    }

    fn owed(mqtt: &mut Mqtt) -> Vec<u8> {
        let mut out = Vec::new();
        mqtt.reply(&mut out);
        out
    }

    #[test]
    fn lengths_have_one_byte_or_more() {
        for (length, bytes) in [(0, 1), (127, 1), (128, 2), (16_383, 2), (16_384, 3)] {
            let packet = packet(0x10, &vec![7; length]);
            assert_eq!(packet.len(), 1 + bytes + length);
            assert_eq!(packet_bytes(&packet).unwrap(), Some(packet.len()));
        }
        assert_eq!(packet_bytes(&[0x30, 0x80]).unwrap(), None);
        packet_bytes(&[0x30, 0x80, 0x80, 0x80, 0x80, 1]).unwrap_err();
    }

    #[test]
    fn what_one_says_the_partner_hears() {
        for qos in [Qos::AtMostOnce, Qos::AtLeastOnce] {
            let (mut p0, mut p1) = (mqtt("p/0", "p/1", qos), mqtt("p/1", "p/0", qos));
            for number in [0, 1, 70_000] {
                let packet = said(&mut p0, number);
                assert_eq!(p1.hear(&packet[..packet.len() - 1]).unwrap(), None);
                let heard = p1.hear(&[packet.as_slice(), b"0"].concat()).unwrap();
                assert_eq!(heard, Some((packet.len(), Heard::Message(number))));
            }
        }
    }

    #[test]
    fn a_publish_is_as_the_standard_has_it() {
        let packet = said(&mut mqtt("a", "b", Qos::AtLeastOnce), 4);
        let expected = [&[0x32, 1 + 2 + 2 + 64, 0, 1, b'b', 0, 5], &packet[7..]].concat();
        assert_eq!(packet, expected);
        assert_eq!(packet.len(), 7 + 64);
    }

    #[test]
    fn with_qos_1_both_sides_acknowledge() {
        let mut p0 = mqtt("p/0", "p/1", Qos::AtLeastOnce);
        let mut p1 = mqtt("p/1", "p/0", Qos::AtLeastOnce);
        let packet = said(&mut p0, 0);
        p1.hear(&packet).unwrap();
        let answer = owed(&mut p1);
        assert_eq!(answer, [0x40, 2, 0, 1]);
        assert!(owed(&mut p1).is_empty());
        assert_eq!(p0.hear(&answer[..3]).unwrap(), None);
        assert_eq!(p0.hear(&answer).unwrap(), Some((4, Heard::Answer(0))));
        p0.hear(&answer).unwrap_err();
        assert_eq!(p0.hear(&[0x40, 2, 0, 2]).unwrap(), Some((4, Heard::Answer(1))));
    }

    #[test]
    fn nothing_else_is_taken() {
        let packet = said(&mut mqtt("p/0", "p/1", Qos::AtMostOnce), 0);
        let hear = |bytes: &[u8]| mqtt("p/1", "p/0", Qos::AtMostOnce).hear(bytes);
        hear(&packet).unwrap();
        // Every byte but those of the number is looked at; the second one is the length.
        let places = (2..packet.len()).filter(|at| !(7..23).contains(at));
        for at in [0].into_iter().chain(places) {
            let mut wrong = packet.clone();
            wrong[at] ^= 1;
            hear(&wrong).unwrap_err();
        }
        hear(&[0x40, 2, 0, 1]).unwrap_err();
        hear(&[0xd0, 0]).unwrap_err();
    }
}
