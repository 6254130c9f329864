//! Texts that show whether bytes were changed.

use fastrand::Rng;

/// What naive servers change.
const NASTY: [&str; 8] = [
    "it's \"quoted\"",
    "back\\slash \\u0041 \\",
    "line\nfeed\r\n\ttab",
    "nul\u{0}and\u{7f}",
    "你好,世界",
    "😀👩‍👩‍👧 e\u{301}",
    "{\"msgid\":1014}}{",
    "'; DROP TABLE User; --",
];
/// One message in so many is large.
const LARGE_EVERY: usize = 50;
const LARGE: usize = 4000;

/// A text that begins with `name`, which must be unique, and a space.
pub(crate) fn text(name: &str, random: &mut Rng) -> String {
    let nasty = NASTY[random.usize(..NASTY.len())];
    let filling = if random.usize(..LARGE_EVERY) == 0 { random.usize(..LARGE) } else { 0 };
    format!("{name} {nasty}{}", "x".repeat(filling))
}
