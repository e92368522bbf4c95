//! A password as text: normalised, bounded, never printed.

use super::Blocklist;
use std::fmt;
use unicode_normalization::UnicodeNormalization as _;
use zeroize::{Zeroize as _, Zeroizing};

/// The longest password taken, in bytes of UTF-8 as sent.
pub(super) const MAX_BYTES: usize = 1024;

/// A password as somebody typed it, in Unicode's form NFKC, so that the same keys on two keyboards are the same password.
///
/// It is wiped when dropped and its `Debug` shows nothing.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

/// Why a password cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordRefused {
    /// Longer than 1,024 bytes.
    #[error("the password is longer than 1024 bytes")]
    TooLong,
    /// Shorter than the rules ask.
    #[error(
        "the password is too short: use at least {min} characters; a sentence of several words is easy to remember"
    )]
    TooShort {
        /// The fewest characters (Unicode code points after NFKC).
        min: usize,
    },
    /// On the blocklist.
    #[error("the password is among those that attackers try first: choose another")]
    Common,
}

impl Password {
    /// Normalises `text`.
    ///
    /// # Errors
    /// [`PasswordRefused::TooLong`] above 1,024 bytes: nothing is hashed for it.
    pub fn new(text: &str) -> Result<Self, PasswordRefused> {
        if text.len() > MAX_BYTES {
            return Err(PasswordRefused::TooLong);
        }
        // Room for what NFKC may grow to, so that no half-built copy is left behind by a reallocation.
        let mut normal = Zeroizing::new(String::with_capacity(text.len().saturating_mul(4)));
        normal.extend(text.nfkc());
        Ok(Self(normal))
    }

    /// Normalises `text` and wipes the original.
    ///
    /// # Errors
    /// As [`Password::new`].
    pub fn take(mut text: String) -> Result<Self, PasswordRefused> {
        let password = Self::new(&text);
        text.zeroize();
        password
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// What a *new* password must satisfy (NIST SP 800-63B-4 §3.1.1): length and a blocklist, no rules of composition and
/// no periodic change. A sign-in applies none of it: an old password that is still stored still opens.
#[derive(Debug, Clone, Copy)]
pub struct NewPasswordRules<'b> {
    /// The fewest Unicode code points: 15 where the password is the only factor, 8 beside another factor.
    pub min_chars: usize,
    /// The passwords nobody may choose.
    pub blocklist: &'b dyn Blocklist,
}

impl<'b> NewPasswordRules<'b> {
    /// The rules for a password that is the only factor: at least 15 characters.
    #[must_use]
    pub const fn single_factor(blocklist: &'b dyn Blocklist) -> Self {
        Self { min_chars: 15, blocklist }
    }

    /// Checks a password somebody wants to use from now on.
    ///
    /// # Errors
    /// [`PasswordRefused`], with what to do instead.
    pub fn check(&self, password: &Password) -> Result<(), PasswordRefused> {
        if password.as_str().chars().count() < self.min_chars {
            return Err(PasswordRefused::TooShort { min: self.min_chars });
        }
        if self.blocklist.contains(password.as_str()) {
            return Err(PasswordRefused::Common);
        }
        Ok(())
    }
}
