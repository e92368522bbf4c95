//! The token in a request's headers.

use healthcare_core::ErrorCode;
use http::{HeaderMap, header};

/// The token of the one `Authorization` header: `Bearer`, one space, the token (RFC 6750 §2.1). A token in the query string
/// or a form is not looked for: those are written into logs. `None` when the header is absent.
///
/// For hosts that check tokens in an extractor of their own; [`AuthLayer`](super::AuthLayer) does it by itself.
///
/// # Errors
/// [`ErrorCode::TokenInvalid`] for a header that comes twice or is anything else.
pub fn bearer(headers: &HeaderMap) -> Result<Option<&str>, ErrorCode> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(ErrorCode::TokenInvalid);
    }
    let text = value.to_str().map_err(|_| ErrorCode::TokenInvalid)?;
    let (scheme, token) = text.split_once(' ').ok_or(ErrorCode::TokenInvalid)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || !token.bytes().all(plain) {
        return Err(ErrorCode::TokenInvalid);
    }
    Ok(Some(token))
}

/// The value of the one cookie of this name.
pub(super) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, ErrorCode> {
    let mut found = None;
    for value in headers.get_all(header::COOKIE) {
        let text = value.to_str().map_err(|_| ErrorCode::TokenInvalid)?;
        let pairs = text.split(';').filter_map(|pair| pair.trim().split_once('='));
        for (_, value) in pairs.filter(|(known, _)| *known == name) {
            // Two of them: somebody planted one.
            if found.replace(value).is_some() {
                return Err(ErrorCode::TokenInvalid);
            }
        }
    }
    Ok(found)
}
