//! The compact form and its header, read strictly.

use super::TokenRefused;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use std::borrow::Cow;

/// The longest token read, in bytes.
pub(super) const MAX_TOKEN: usize = 8 * 1024;

/// The header of a token. `deny_unknown_fields` refuses what could point elsewhere for the key (`jwk`, `jku`, `x5u`,
/// `x5c`, `x5t`), what would change the meaning (`crit`, `b64`, `zip`) and everything else; a member that stands twice is
/// an error of the derived reader.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header<'t> {
    #[serde(borrow)]
    pub(super) alg: Cow<'t, str>,
    #[serde(borrow, default)]
    pub(super) kid: Option<Cow<'t, str>>,
    #[serde(borrow, default)]
    pub(super) typ: Option<Cow<'t, str>>,
}

impl Header<'_> {
    pub(super) fn algorithm(&self) -> Result<Algorithm, TokenRefused> {
        // `none`, in any spelling, is not among the names.
        self.alg.parse().map_err(|_| TokenRefused::Algorithm)
    }
}

/// The three parts of a compact JWS (RFC 7515 §7.1).
pub(super) struct Compact<'t> {
    /// What was signed: header and payload as sent.
    pub(super) message: &'t [u8],
    pub(super) header: Vec<u8>,
    pub(super) payload: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

impl<'t> Compact<'t> {
    pub(super) fn read(token: &'t str) -> Result<Self, TokenRefused> {
        if token.len() > MAX_TOKEN {
            return Err(TokenRefused::TooLong);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenRefused::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(TokenRefused::Malformed)?;
        if header.is_empty() || signature.is_empty() || payload.contains('.') {
            return Err(TokenRefused::Malformed);
        }
        Ok(Self {
            message: message.as_bytes(),
            header: decode(header)?,
            payload: decode(payload)?,
            signature: decode(signature)?,
        })
    }

    pub(super) fn header(&self) -> Result<Header<'_>, TokenRefused> {
        object(&self.header)
    }
}

/// Without padding, without foreign characters, without stray bits: one text, one encoding.
fn decode(part: &str) -> Result<Vec<u8>, TokenRefused> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenRefused::Malformed)
}

/// Reads a JSON object; serde would take an array for a struct as well.
pub(super) fn object<'t, T: Deserialize<'t>>(json: &'t [u8]) -> Result<T, TokenRefused> {
    let first = json.iter().find(|b| !b.is_ascii_whitespace());
    if first != Some(&b'{') {
        return Err(TokenRefused::Malformed);
    }
    serde_json::from_slice(json).map_err(|_| TokenRefused::Malformed)
}

/// One part in base64url.
pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
