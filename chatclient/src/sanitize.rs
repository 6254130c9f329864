//! Makes text of others harmless to the terminal.

use std::borrow::Cow;

/// `text` without characters that move the cursor, start escape sequences, break the line or turn
/// the reading direction: each becomes a visible sign.
///
/// A line that is shown is thus always one line, and what follows the sender's name is the message.
///
/// ```
/// assert_eq!(chatclient::sanitize::sanitize("a\x1b[2Jb\n"), "a␛[2Jb␊");
/// ```
pub fn sanitize(text: &str) -> Cow<'_, str> {
    if text.chars().all(|character| visible(character) == character) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(visible).collect())
}

fn visible(character: char) -> char {
    /// What Unicode draws for U+0000; those for the other C0 characters follow it in order.
    const SYMBOL_FOR_NUL: u32 = 0x2400;
    match character {
        '\0'..='\x1f' => char::from_u32(SYMBOL_FOR_NUL + u32::from(character))
            .unwrap_or(char::REPLACEMENT_CHARACTER),
        '\x7f' => '␡',
        // C1; line and paragraph separator; marks, embeddings, overrides and isolates of direction.
        '\u{80}'..='\u{9f}'
        | '\u{61c}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
        other => other,
    }
}

/// The first characters of `text`, made harmless, for a message about it.
pub(crate) fn excerpt(text: &str) -> String {
    const CHARACTERS_MAX: usize = 40;
    let mut characters = text.chars();
    let mut excerpt: String = characters.by_ref().take(CHARACTERS_MAX).map(visible).collect();
    if characters.next().is_some() {
        excerpt.push('…');
    }
    excerpt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmless_text_is_left_alone() {
        for text in ["", "plain", "你好 😀 👨‍👩‍👧 é", "\"\\"] {
            assert!(matches!(sanitize(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn no_control_character_is_left() {
        let every: String = (0..=0x2100).filter_map(char::from_u32).collect();
        let clean = sanitize(&every);
        assert_eq!(clean.chars().count(), every.chars().count());
        assert!(!clean.chars().any(char::is_control));
        assert_eq!(
            sanitize("a\rb\x7f\u{9b}\u{202e}c\u{2067}\u{2028}"),
            "a␍b␡\u{fffd}\u{fffd}c\u{fffd}\u{fffd}"
        );
        assert_eq!(sanitize("\t"), "␉");
    }

    #[test]
    fn excerpts_are_short() {
        assert_eq!(excerpt("a\nb"), "a␊b");
        assert_eq!(excerpt(&"x".repeat(40)), "x".repeat(40));
        assert_eq!(excerpt(&"x".repeat(41)), format!("{}…", "x".repeat(40)));
    }
}
