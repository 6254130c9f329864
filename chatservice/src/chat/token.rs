//! Resume tokens: `<user>-<32 hexadecimal digits>`. Only their SHA-256 is stored, so a stolen
//! database logs nobody in.

use std::fmt::Write as _;

use chatproto::UserId;
use sha2::{Digest, Sha256};

use crate::storage::TokenHash;

/// The text of a token made of 128 random bits.
pub fn text(user: UserId, random: [u8; 16]) -> String {
    let mut token = format!("{user}-");
    for byte in random {
        write!(token, "{byte:02x}").expect("writing to a String cannot fail");
    }
    token
}

/// The account that a token is for; `None` when it cannot be a token.
pub fn user_of(token: &str) -> Option<UserId> {
    let (user, secret) = token.split_once('-')?;
    let well_formed = secret.len() == 32 && secret.bytes().all(|b| b.is_ascii_hexdigit());
    well_formed.then(|| user.parse().ok().map(UserId)).flatten()
}

/// What is stored of a token.
pub fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_account() {
        let token = text(UserId(42), [0xab; 16]);
        assert_eq!(token, format!("42-{}", "ab".repeat(16)));
        assert_eq!(user_of(&token), Some(UserId(42)));
        for wrong in ["", "42", "42-", "42-abcd", "x-abababababababababababababababab"] {
            assert_eq!(user_of(wrong), None, "{wrong}");
        }
    }
}
