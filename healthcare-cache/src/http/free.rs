use http::Response;
use std::{fmt, sync::Arc, time::Duration};

/// Says of a type that nothing in it is about a person, whatever it holds: opening hours, a catalogue, a list of rooms.
///
/// Whoever implements it vouches for it: nothing else in this crate can know. The layer keeps a response only when its handler
/// wrapped a value of such a type in [`Cacheable`]; everything else passes through. Do not implement it for texts, bytes or
/// free JSON, which may hold anything.
///
/// ```compile_fail
/// use healthcare_cache::Cacheable;
///
/// struct Chart; // says nothing of the kind
/// let _ = Cacheable::new(Chart);
/// ```
pub trait FreeOfPhi {}

impl<T: FreeOfPhi + ?Sized> FreeOfPhi for &T {}
impl<T: FreeOfPhi + ?Sized> FreeOfPhi for Box<T> {}
impl<T: FreeOfPhi + ?Sized> FreeOfPhi for Arc<T> {}
impl<T: FreeOfPhi> FreeOfPhi for Option<T> {}
impl<T: FreeOfPhi> FreeOfPhi for Vec<T> {}
impl<T: FreeOfPhi> FreeOfPhi for [T] {}
#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
impl<T: FreeOfPhi> FreeOfPhi for axum::Json<T> {}

/// A value whose response may be kept by a [`ResponseCacheLayer`](crate::ResponseCacheLayer).
///
/// With the feature `axum` a handler returns it as it is; otherwise [`mark`](Self::mark) marks the response made of it.
///
/// ```
/// use healthcare_cache::{Cacheable, FreeOfPhi};
/// use std::time::Duration;
///
/// struct Hours(&'static str);
/// impl FreeOfPhi for Hours {}
///
/// let hours = Cacheable::new(Hours("8 to 17")).tag("hours").life(Duration::from_secs(600));
/// let response: http::Response<String> = hours.mark(|hours| http::Response::new(hours.0.to_owned()));
/// assert_eq!(response.body(), "8 to 17");
/// ```
///
/// `Debug` shows the value, which is free of PHI, and counts the tags.
#[derive(Clone, PartialEq, Eq)]
#[must_use = "return it, or mark a response with it"]
pub struct Cacheable<T> {
    value: T,
    terms: Terms,
}

/// What the handler said. The only way to make one is a [`Cacheable`], so a response that carries one is free of PHI.
#[derive(Clone, PartialEq, Eq, Default)]
pub(super) struct Terms {
    pub(super) tags: Vec<String>,
    pub(super) life: Option<Duration>,
}

impl<T: FreeOfPhi> Cacheable<T> {
    /// A value to answer with.
    pub const fn new(value: T) -> Self {
        Self { value, terms: Terms { tags: Vec::new(), life: None } }
    }

    /// Forgotten with `purge_tag` of its clinic.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.terms.tags.push(tag.into());
        self
    }

    /// Kept for this long, if that is shorter than what the policy and the response's own `Cache-Control` say.
    pub const fn life(mut self, life: Duration) -> Self {
        self.terms.life = Some(life);
        self
    }

    /// The response that is made of the value, marked.
    pub fn mark<B>(self, make: impl FnOnce(T) -> Response<B>) -> Response<B> {
        let mut response = make(self.value);
        response.extensions_mut().insert(self.terms);
        response
    }
}

impl<T: fmt::Debug> fmt::Debug for Cacheable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cacheable")
            .field("value", &self.value)
            .field("tags", &self.terms.tags.len())
            .field("life", &self.terms.life)
            .finish()
    }
}

#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
impl<T: FreeOfPhi + axum::response::IntoResponse> axum::response::IntoResponse for Cacheable<T> {
    fn into_response(self) -> axum::response::Response {
        self.mark(axum::response::IntoResponse::into_response)
    }
}
