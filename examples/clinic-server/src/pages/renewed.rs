//! Cookies that a request must bring home, whatever it is answered.

use super::session::with_cookies;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// The cookies of a sign-in that was renewed on the way to a page. The token that was spent for them is taken for stolen when it comes again, so
/// they are kept outside the handler, and also a problem, a panic or a request that took too long is answered with them.
#[derive(Clone, Default)]
pub(crate) struct Renewed(Arc<Mutex<Vec<HeaderValue>>>);

impl fmt::Debug for Renewed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewed").finish_non_exhaustive()
    }
}

impl Renewed {
    pub(super) fn keep(&self, cookies: impl IntoIterator<Item = HeaderValue>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(cookies);
    }

    /// Puts them on an answer, once. What the answer itself says of a cookie holds: who signs out is not signed in again.
    pub(crate) fn put_on(&self, answer: impl IntoResponse) -> Response {
        let mut kept = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let answer = answer.into_response();
        kept.retain(|cookie| {
            !answer.headers().get_all(header::SET_COOKIE).iter().any(|set| name(set) == name(cookie))
        });
        with_cookies(answer, kept)
    }
}

fn name(cookie: &HeaderValue) -> Option<&[u8]> {
    cookie.as_bytes().split(|byte| *byte == b'=').next()
}
