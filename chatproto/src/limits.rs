//! Bounds that the protocol itself sets; what an operator may configure is the server's.

/// Braces and brackets that may be open at once; the object itself is the first.
pub const DEPTH_MAX: u32 = 16;
/// Characters in a `mid`.
pub const MID_CHARACTERS_MAX: usize = 64;
/// Characters in a user's name.
pub const NAME_CHARACTERS_MAX: usize = 50;
/// Bytes in a password.
pub const PASSWORD_BYTES_MAX: usize = 1024;
/// Characters in a group's name.
pub const GROUP_NAME_CHARACTERS_MAX: usize = 50;
/// Characters in a group's description.
pub const GROUP_DESCRIPTION_CHARACTERS_MAX: usize = 200;
/// Characters in a `time` that is relayed as it came.
pub const TIME_CHARACTERS_MAX: usize = 32;

/// Whether a user may be called so: 1 to 50 characters, none a control character, not all of
/// them white space.
///
/// A register request with another name is refused by the server, not by decoding.
///
/// ```
/// assert!(chatproto::name_is_allowed("张三"));
/// assert!(!chatproto::name_is_allowed(" "));
/// ```
pub fn name_is_allowed(name: &str) -> bool {
    is_within(name, 1, NAME_CHARACTERS_MAX)
        && !name.chars().any(char::is_control)
        && !name.chars().all(char::is_whitespace)
}

/// Whether `text` has `min` to `max` characters; looks at no more of it than it must.
pub(crate) fn is_within(text: &str, min: usize, max: usize) -> bool {
    // Most texts are short, and a character has at least a byte.
    if min <= 1 && text.len() <= max {
        return text.len() >= min;
    }
    let characters = text.chars().take(max + 1).count();
    (min..=max).contains(&characters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_by_characters() {
        let check =
            |name: &str, allowed: bool| assert_eq!(name_is_allowed(name), allowed, "{name:?}");
        check("", false);
        check("a", true);
        check(" \u{3000}", false);
        check(" a ", true);
        check(&"字".repeat(50), true);
        check(&"字".repeat(51), false);
        check("tab\there", false);
        check("c1\u{85}", false);
        check("del\u{7f}", false);
        check("😀", true);
    }
}
