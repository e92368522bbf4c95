//! The sign-in index: addresses are found without being stored.

use ring::hmac;
use std::fmt;
use unicode_normalization::UnicodeNormalization as _;

/// The key of the sign-in index. It never changes: a new key means a new index.
#[derive(Clone)]
pub struct EmailKey(hmac::Key);

/// The key is too short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key of the e-mail index needs at least 32 random bytes")]
pub struct InvalidEmailKey;

/// An address in the sign-in index: HMAC-SHA-256 of its normal form.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EmailIndex([u8; 32]);

impl EmailKey {
    /// A key of these bytes.
    ///
    /// # Errors
    /// [`InvalidEmailKey`] under 32 bytes.
    pub fn new(secret: &[u8]) -> Result<Self, InvalidEmailKey> {
        if secret.len() < 32 {
            Err(InvalidEmailKey)
        } else {
            Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, secret)))
        }
    }

    /// The index of an address. Every text has one, so that what is not an address costs a sign-in the same time. The normal
    /// form is NFKC in lower case without white space around it; of a text over 1,024 bytes only the beginning counts.
    #[must_use]
    pub fn index(&self, address: &str) -> EmailIndex {
        let within = address.trim().chars().scan(0_usize, |bytes, c| {
            *bytes = bytes.saturating_add(c.len_utf8());
            (*bytes <= 1024).then_some(c)
        });
        let normal: String = within.nfkc().flat_map(char::to_lowercase).nfkc().collect();
        let mut context = hmac::Context::with_key(&self.0);
        context.update(b"sign-in e-mail\0");
        context.update(normal.as_bytes());
        let mut out = [0; 32];
        out.copy_from_slice(context.sign().as_ref());
        EmailIndex(out)
    }
}

impl EmailIndex {
    /// The bytes, for storing.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// An index read back from storage.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for EmailKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailKey(..)")
    }
}

impl fmt::Debug for EmailIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailIndex(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_however_it_is_typed_and_another_key_another_index() -> Result<(), InvalidEmailKey> {
        let key = EmailKey::new(&[3; 32])?;
        let index = key.index("doctor@one.example");
        for typed in [" Doctor@One.Example ", "DOCTOR@ONE.EXAMPLE", "ｄoctor@one.example"] {
            assert_eq!(key.index(typed), index, "{typed}");
        }
        assert_ne!(key.index("doctor@two.example"), index);
        assert_ne!(EmailKey::new(&[4; 32])?.index("doctor@one.example"), index);
        assert_eq!(format!("{index:?} {key:?}"), "EmailIndex(..) EmailKey(..)");
        Ok(())
    }
}
