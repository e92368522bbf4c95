//! Refresh tokens: opaque, self-authenticating, and derived one from the other.
//!
//! A token is `hcr1_` and base64url of session id (16 bytes), generation (4), secret (32) and tag (16).
//! - The first secret is 256 random bits; each successor is HMAC-SHA-256 of its predecessor under a key that only the server
//!   has. So a client that lost the answer and asks again gets the *same* successor, and no token is ever stored: the table
//!   holds SHA-256 of the secret.
//! - The tag (HMAC, 128 bits) shows that the server made the token. Without it anybody who saw a session id could present a
//!   made-up token and end the sign-in, because a token that was valid once and is not the newest any more means theft.

use crate::secret;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use healthcare_core::SessionId;
use ring::hmac;
use std::fmt;
use uuid::Uuid;
use zeroize::Zeroizing;

const PREFIX: &str = "hcr1_";
const BODY: usize = 16 + 4 + 32;
const TAG: usize = 16;

/// Keys of refresh tokens: the first makes new tokens, all are tried on those presented.
#[derive(Clone)]
pub struct RefreshKeys(Vec<hmac::Key>);

/// A key that is too short, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("refresh keys: at least one and at most eight, each of at least 32 random bytes")]
pub struct InvalidRefreshKey;

impl fmt::Debug for RefreshKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RefreshKeys({})", self.0.len())
    }
}

impl RefreshKeys {
    /// Keys, the newest first. To rotate, put a new one in front and drop the last after the longest life of a session.
    ///
    /// # Errors
    /// [`InvalidRefreshKey`] for no key, more than eight, or one under 32 bytes.
    pub fn new<'k>(keys: impl IntoIterator<Item = &'k [u8]>) -> Result<Self, InvalidRefreshKey> {
        let keys: Vec<&[u8]> = keys.into_iter().take(9).collect();
        if keys.is_empty() || keys.len() > 8 || keys.iter().any(|key| key.len() < 32) {
            return Err(InvalidRefreshKey);
        }
        Ok(Self(keys.into_iter().map(|key| hmac::Key::new(hmac::HMAC_SHA256, key)).collect()))
    }

    /// The first token of a session.
    pub(crate) fn first(&self, session: SessionId) -> Option<Presented> {
        Some(Presented { session, generation: 0, secret: Zeroizing::new(secret::random()?) })
    }

    /// The token's text.
    pub(crate) fn text(&self, token: &Presented) -> Option<RefreshToken> {
        let body = token.body();
        let tag = keyed(self.0.first()?, b"tag", &body);
        let mut bytes = Zeroizing::new(Vec::with_capacity(BODY + TAG));
        bytes.extend_from_slice(&*body);
        bytes.extend(tag.iter().take(TAG));
        let mut text = Zeroizing::new(String::from(PREFIX));
        URL_SAFE_NO_PAD.encode_string(&*bytes, &mut text);
        Some(RefreshToken(text))
    }

    /// Reads a presented text; `None` when no key of ours made it.
    pub(crate) fn read(&self, text: &str) -> Option<Presented> {
        let encoded =
            text.strip_prefix(PREFIX).filter(|rest| rest.len() == (BODY + TAG).div_ceil(3) * 4 - 1)?;
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(encoded).ok()?);
        let (body, tag) = bytes.split_first_chunk::<BODY>()?;
        let made = |key| keyed(key, b"tag", body).get(..TAG).is_some_and(|made| secret::same(made, tag));
        if !self.0.iter().any(made) {
            return None;
        }
        let (session, rest) = body.split_first_chunk::<16>()?;
        let (generation, secret) = rest.split_first_chunk::<4>()?;
        Some(Presented {
            session: SessionId::from_uuid(Uuid::from_bytes(*session)),
            generation: u32::from_be_bytes(*generation),
            secret: Zeroizing::new(secret.try_into().ok()?),
        })
    }

    /// The successors a token may have: one for each key, the newest key's first.
    pub(crate) fn successors(&self, token: &Presented) -> impl Iterator<Item = Presented> {
        self.0.iter().map(|key| Presented {
            session: token.session,
            generation: token.generation.saturating_add(1),
            secret: Zeroizing::new(keyed(key, b"next", &token.body())),
        })
    }
}

fn keyed(key: &hmac::Key, label: &[u8], body: &[u8; BODY]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(key);
    context.update(label);
    context.update(body);
    let mut out = [0; 32];
    out.copy_from_slice(context.sign().as_ref());
    out
}

/// A refresh token as parts.
pub(crate) struct Presented {
    pub(crate) session: SessionId,
    pub(crate) generation: u32,
    secret: Zeroizing<[u8; 32]>,
}

impl Presented {
    /// What the table keeps.
    pub(crate) fn hash(&self) -> [u8; 32] {
        secret::sha256(&*self.secret)
    }

    fn body(&self) -> Zeroizing<[u8; BODY]> {
        let id = self.session.as_uuid().into_bytes();
        let mut body = Zeroizing::new([0; BODY]);
        let generation = self.generation.to_be_bytes();
        let parts = id.iter().chain(&generation).chain(&*self.secret);
        body.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
        body
    }
}

/// A refresh token's text, to hand to the client. Its `Debug` shows nothing, and it is wiped when dropped.
#[derive(Clone)]
pub struct RefreshToken(Zeroizing<String>);

impl RefreshToken {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_its_successor_is_always_the_same() -> Result<(), Box<dyn std::error::Error>> {
        let keys = RefreshKeys::new([[1_u8; 32].as_slice()])?;
        let first = keys.first(SessionId::random()).ok_or("random")?;
        let text = keys.text(&first).ok_or("text")?;
        let read = keys.read(text.as_str()).ok_or("read")?;
        assert_eq!((read.session, read.generation, read.hash()), (first.session, 0, first.hash()));
        let next = |token: &Presented| keys.successors(token).next().map(|next| next.hash());
        assert_eq!(next(&read), next(&first));
        assert_ne!(next(&first), Some(first.hash()));
        Ok(())
    }

    #[test]
    fn every_flipped_character_and_every_foreign_key_is_refused() -> Result<(), Box<dyn std::error::Error>> {
        let keys = RefreshKeys::new([[1_u8; 32].as_slice()])?;
        let text = keys.text(&keys.first(SessionId::random()).ok_or("random")?).ok_or("text")?;
        for at in 0..text.as_str().len() {
            let mut bytes = text.as_str().as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert!(keys.read(std::str::from_utf8(&bytes)?).is_none(), "character {at}");
        }
        assert!(RefreshKeys::new([[2_u8; 32].as_slice()])?.read(text.as_str()).is_none());
        assert!(
            RefreshKeys::new([[2_u8; 32].as_slice(), &[1; 32]])?.read(text.as_str()).is_some(),
            "an older key still reads"
        );
        Ok(())
    }
}
