use super::{KeptResponse, ResponseCache, ResponseKey, Viewer};
use crate::{Cache, CacheBuilder, CacheConfigError, CachePolicy};
use http::{HeaderName, header, request};
use std::{fmt, sync::Arc};
use tower_layer::Layer;

/// A body of more than this is handed on and not kept, when nothing is said.
const BODY_MAX: usize = 256 * 1024;
/// More headers than these, and nearly every request has a key of its own.
const VARY_MAX: usize = 16;

pub(super) type View = Arc<dyn Fn(&request::Parts) -> Option<Viewer> + Send + Sync>;

/// The layer cannot be built as described.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseCacheError {
    /// Its cache cannot be built.
    #[error("the cache of the responses cannot be built: see the source")]
    Cache(#[source] CacheConfigError),
    /// No room for a body.
    #[error("allow bodies of at least one byte")]
    BodyMax,
    /// Too many headers.
    #[error("let answers vary by at most {VARY_MAX} headers")]
    Vary,
}

/// Keeps responses that say nothing about a person.
///
/// # What is kept
/// A response to `GET` with status 200 whose handler wrapped a [`FreeOfPhi`](crate::FreeOfPhi) value in
/// [`Cacheable`](crate::Cacheable), for who asked ([`Viewer`]). Everything else passes through untouched, as does every
/// response that says `no-store`, `no-cache` or `private`, sets a cookie, has no time left, varies by a header that is not in
/// the key, or is larger than the limit; and every request that says `no-store`, asks for a part, or has a body.
///
/// # What is answered
/// Kept responses, to `GET` and `HEAD`, with `Age`, a strong `ETag` (made of the response when its handler gave none), and
/// `Cache-Control: private, no-cache` unless the handler said otherwise; `304` to who has it already (`If-None-Match`, or
/// `If-Modified-Since` with the very date that was sent). A request's own wish for something fresher (`no-cache`,
/// `max-age`) is not heard, or every client could send each of its requests through; `only-if-cached` is.
///
/// Ten thousand requests for what is not there are one call of the handler, which runs as a task of its own: it goes on when
/// its client hangs up, sees no task-locals from outside, and is dropped after the policy's `finish_within`. When it fails
/// or answers 5xx, the policy's fail-safe gives the old response, unless that said `must-revalidate`. When an answer
/// turns out not to be kept, the others call the handler themselves; with a `negative_life` in the policy that is
/// remembered.
///
/// A request with another method that succeeds forgets what is kept of its path (RFC 9111, section 4.4), for everyone in
/// its clinic; whatever else changes an answer must purge: the tags given with [`Cacheable`](crate::Cacheable), the actor as
/// subject.
///
/// # Where to put it
/// Inside of authentication, which leaves behind whom the viewer is made of, and of everything that belongs to a single
/// request (ids, compression by the client's wish); outside of the routes. A kept response is given without asking the handler:
/// who may have it is decided by the viewer alone. **What the handler reads of a request and is not in the key** (a header that
/// is not in `vary`) lets one client choose what others get.
///
/// ```
/// use healthcare_cache::{CachePolicy, ResponseCacheLayer, TtlClass, Viewer};
/// use healthcare_core::ClinicId;
/// use uuid::Uuid;
///
/// #[derive(Clone)]
/// struct SignedIn { clinic: ClinicId, user: Uuid } // left in the extensions by authentication
///
/// let layer = ResponseCacheLayer::builder(CachePolicy::of(TtlClass::Clinic).build()?, |request| {
///     let who = request.extensions.get::<SignedIn>()?;
///     Some(Viewer::actor(who.clinic, who.user))
/// })
/// .build()?;
/// # let _ = layer;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ResponseCacheLayer {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) cache: Cache<ResponseKey, KeptResponse>,
    pub(super) view: View,
    pub(super) vary: Box<[HeaderName]>,
    pub(super) body_max: usize,
}

impl ResponseCacheLayer {
    /// Describes a layer. `viewer` says who is answered, from what authentication left in the request; for `None` nothing is
    /// looked for and nothing kept.
    pub fn builder(
        policy: CachePolicy,
        viewer: impl Fn(&request::Parts) -> Option<Viewer> + Send + Sync + 'static,
    ) -> ResponseCacheBuilder {
        ResponseCacheBuilder {
            cache: Cache::builder(policy)
                .weigher(|key: &ResponseKey, kept: &KeptResponse| key.weight() + kept.weight()),
            view: Arc::new(viewer),
            vary: vec![header::ACCEPT, header::ACCEPT_ENCODING, header::ACCEPT_LANGUAGE],
            body_max: BODY_MAX,
        }
    }

    /// The cache behind it: to purge, to look at.
    #[must_use]
    pub fn cache(&self) -> &Cache<ResponseKey, KeptResponse> {
        &self.shared.cache
    }
}

impl<S> Layer<S> for ResponseCacheLayer {
    type Service = ResponseCache<S>;

    fn layer(&self, inner: S) -> ResponseCache<S> {
        ResponseCache::new(inner, Arc::clone(&self.shared))
    }
}

impl fmt::Debug for ResponseCacheLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseCacheLayer")
            .field("cache", &self.shared.cache)
            .field("vary", &self.shared.vary)
            .field("body_max", &self.shared.body_max)
            .finish_non_exhaustive()
    }
}

/// Describes a [`ResponseCacheLayer`].
#[must_use = "call build()"]
pub struct ResponseCacheBuilder {
    cache: CacheBuilder<ResponseKey, KeptResponse>,
    view: View,
    vary: Vec<HeaderName>,
    body_max: usize,
}

impl ResponseCacheBuilder {
    /// Changes the cache behind it: its node, its room, its name. The responses' sizes are known to it.
    pub fn cache(
        mut self,
        change: impl FnOnce(CacheBuilder<ResponseKey, KeptResponse>) -> CacheBuilder<ResponseKey, KeptResponse>,
    ) -> Self {
        self.cache = change(self.cache);
        self
    }

    /// The headers of a request by which its answer varies, instead of `Accept`, `Accept-Encoding` and `Accept-Language`.
    /// The host and the whole address always count.
    pub fn vary(mut self, headers: impl IntoIterator<Item = HeaderName>) -> Self {
        self.vary = headers.into_iter().collect();
        self
    }

    /// The largest body that is kept, in bytes; 256 KiB when never called. A larger one is handed on.
    pub const fn body_max(mut self, bytes: usize) -> Self {
        self.body_max = bytes;
        self
    }

    /// The layer.
    ///
    /// # Errors
    /// [`ResponseCacheError`] when a limit makes no sense.
    pub fn build(self) -> Result<ResponseCacheLayer, ResponseCacheError> {
        if self.body_max == 0 {
            return Err(ResponseCacheError::BodyMax);
        }
        if self.vary.len() > VARY_MAX {
            return Err(ResponseCacheError::Vary);
        }
        let cache = self.cache.build().map_err(ResponseCacheError::Cache)?;
        let shared =
            Shared { cache, view: self.view, vary: self.vary.into_boxed_slice(), body_max: self.body_max };
        Ok(ResponseCacheLayer { shared: Arc::new(shared) })
    }
}

impl fmt::Debug for ResponseCacheBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseCacheBuilder")
            .field("cache", &self.cache)
            .field("vary", &self.vary)
            .field("body_max", &self.body_max)
            .finish_non_exhaustive()
    }
}
