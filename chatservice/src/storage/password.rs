//! Passwords as argon2id hashes. One hash takes tens of milliseconds and the configured memory,
//! so it is made on the threads of [`workers`](super::workers) only.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{self, PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use subtle::ConstantTimeEq;

use super::StoreError;

/// Passes over the memory: with one lane and 19,456 KiB what OWASP asks for at least.
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// How every hash begins that this server, or one before it, made.
const HASH_START: &str = "$argon2";

/// Whether what is stored is the password itself, as the original server kept it, and not a hash.
pub fn is_plain(stored: &str) -> bool {
    !stored.is_empty() && !stored.starts_with(HASH_START)
}

/// Makes and checks password hashes. Any thread; calls compute for a long time.
pub struct PasswordHasher {
    argon2: Argon2<'static>,
    /// What a password is checked against when there is no account.
    decoy: String,
}

/// The parameters do not make a hash.
#[derive(Debug, thiserror::Error)]
#[error("cannot hash passwords with {memory_kib} KiB: {source}")]
pub struct HasherError {
    memory_kib: u32,
    source: password_hash::Error,
}

impl PasswordHasher {
    /// argon2id, version 0x13, with `memory_kib` KiB for each hash, at least 8. Makes one hash.
    pub fn new(memory_kib: u32) -> Result<Self, HasherError> {
        let unusable = |source| HasherError { memory_kib, source };
        let params = Params::new(memory_kib, PASSES, LANES, None);
        let params = params.map_err(|error| unusable(error.into()))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let decoy = argon2.hash_password(b"").map_err(unusable)?.to_string();
        Ok(Self { argon2, decoy })
    }

    /// The hash of a new password, salted from the system's random source, as a PHC string.
    pub fn hash(&self, password: &str) -> Result<String, StoreError> {
        match self.argon2.hash_password(password.as_bytes()) {
            Ok(hash) => Ok(hash.to_string()),
            Err(error) => Err(StoreError::Unavailable(format!("hashing a password: {error}"))),
        }
    }

    /// Whether `password` is the one that is stored, as a hash or [plain](is_plain). `None` stands
    /// for an unknown account: it takes the time of a check and says no.
    pub fn verify(&self, password: &str, stored: Option<&str>) -> bool {
        match stored {
            Some(plain) if is_plain(plain) => {
                // As long as any other check, so that the time does not tell which account this is.
                self.matches("", &self.decoy);
                password.as_bytes().ct_eq(plain.as_bytes()).into()
            }
            Some(hash) => self.matches(password, hash),
            None => {
                self.matches(password, &self.decoy);
                false
            }
        }
    }

    fn matches(&self, password: &str, hash: &str) -> bool {
        let result = PasswordHash::new(hash)
            .map_err(password_hash::Error::from)
            .and_then(|parsed| self.argon2.verify_password(password.as_bytes(), &parsed));
        match result {
            Ok(()) => true,
            Err(password_hash::Error::PasswordInvalid) => false,
            Err(error) => {
                log::error!("a stored password hash cannot be checked: {error}");
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher() -> PasswordHasher {
        PasswordHasher::new(8).unwrap()
    }

    #[test]
    fn only_the_password_itself_matches() {
        let hasher = hasher();
        for password in ["secret", "", " secret", "密码🔑", "with\0nul", &"x".repeat(1024)] {
            let hash = hasher.hash(password).unwrap();
            assert!(hasher.verify(password, Some(&hash)), "{password:?}");
            assert!(!hasher.verify(&format!("{password}x"), Some(&hash)), "{password:?}");
        }
    }

    #[test]
    fn hashes_name_their_parameters_and_differ_by_salt() {
        let hasher = hasher();
        let (one, other) = (hasher.hash("same").unwrap(), hasher.hash("same").unwrap());
        assert!(one.starts_with("$argon2id$v=19$m=8,t=2,p=1$"), "{one}");
        assert_ne!(one, other);
    }

    #[test]
    fn hashes_made_with_other_memory_still_match() {
        let old = PasswordHasher::new(16).unwrap().hash("secret").unwrap();
        assert!(hasher().verify("secret", Some(&old)));
    }

    #[test]
    fn a_known_hash_of_the_reference_implementation_matches() {
        let reference =
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        assert!(hasher().verify("password", Some(reference)));
    }

    #[test]
    fn nothing_matches_an_unknown_account_or_a_damaged_hash() {
        let hasher = hasher();
        assert!(!hasher.verify("", None));
        assert!(!hasher.verify("", Some("")));
        let damaged = "$argon2id$v=19$m=8,t=2,p=1$";
        assert!(!hasher.verify("secret", Some(damaged)));
        assert!(!hasher.verify(damaged, Some(damaged)), "a stolen hash is no password");
    }

    #[test]
    fn a_plain_password_of_the_original_server_matches_itself_only() {
        let hasher = hasher();
        for plain in ["123456", "$ecret", "密码"] {
            assert!(is_plain(plain));
            assert!(hasher.verify(plain, Some(plain)), "{plain}");
            for wrong in ["", "12345", "1234567", "x"] {
                assert!(!hasher.verify(wrong, Some(plain)), "{wrong}");
            }
        }
        assert!(!is_plain("") && !is_plain(&hasher.hash("secret").unwrap()));
    }

    #[test]
    fn the_decoy_costs_what_an_account_costs() {
        let hasher = hasher();
        let (decoy, hash) = (hasher.decoy.clone(), hasher.hash("secret").unwrap());
        let parameters = |phc: &str| phc.split('$').nth(3).map(str::to_owned);
        assert_eq!(parameters(&decoy), parameters(&hash));
    }

    #[test]
    fn too_little_memory_is_refused() {
        let error = PasswordHasher::new(1).err().map(|error| error.to_string());
        assert!(error.is_some_and(|text| text.contains("with 1 KiB")));
    }
}
