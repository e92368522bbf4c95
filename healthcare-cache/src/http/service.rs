use super::{
    KeptResponse, ResponseCacheBody,
    conditional::Conditions,
    layer::Shared,
    load::{Answer, Call, Errand, Unanswered},
    rules::{Look, Plan},
};
use crate::{CacheNode, Cached, sync::Mutex};
use bytes::Bytes;
use healthcare_core::ClinicId;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body::Body;
use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{runtime::Handle, sync::oneshot};
use tower_service::Service;

/// A service whose responses are kept. Made by [`ResponseCacheLayer`](crate::ResponseCacheLayer).
#[derive(Clone)]
pub struct ResponseCache<S> {
    inner: S,
    shared: Arc<Shared>,
}

/// The answer of a [`ResponseCache`].
pub type ResponseCacheFuture<B, E> =
    Pin<Box<dyn Future<Output = Result<Response<ResponseCacheBody<B>>, E>> + Send>>;

impl<S> ResponseCache<S> {
    pub(super) const fn new(inner: S, shared: Arc<Shared>) -> Self {
        Self { inner, shared }
    }
}

impl<S, A, B> Service<Request<A>> for ResponseCache<S>
where
    S: Service<Request<A>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send + 'static,
    A: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Send,
{
    type Response = Response<ResponseCacheBody<B>>;
    type Error = S::Error;
    type Future = ResponseCacheFuture<B, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        // The one that is ready is the one that is called.
        let next = self.inner.clone();
        let service = mem::replace(&mut self.inner, next);
        let shared = Arc::clone(&self.shared);
        let (mut parts, body) = request.into_parts();
        let viewer = (shared.view)(&parts);
        let plan = Plan::of(&mut parts, viewer, &shared.vary);
        let call = Call { service, request: Request::from_parts(parts, body) };
        Box::pin(async move {
            match plan {
                Plan::Pass => pass(call).await,
                Plan::Change { clinic, tag } => change(&shared, clinic, tag, call).await,
                Plan::Look(look) => answer(shared, look, call).await,
            }
        })
    }
}

async fn pass<S, A, B>(call: Call<S, A>) -> Result<Response<ResponseCacheBody<B>>, S::Error>
where
    S: Service<Request<A>, Response = Response<B>>,
    B: Body<Data = Bytes>,
{
    let Call { mut service, request } = call;
    service.call(request).await.map(|response| response.map(ResponseCacheBody::passed))
}

/// Hands on what changes something, and forgets what is kept of its address before the answer is given.
async fn change<S, A, B>(
    shared: &Shared,
    clinic: ClinicId,
    tag: String,
    call: Call<S, A>,
) -> Result<Response<ResponseCacheBody<B>>, S::Error>
where
    S: Service<Request<A>, Response = Response<B>>,
    B: Body<Data = Bytes>,
{
    // Whether something was changed is not known when the call fails or is dropped.
    let forgetting = Forgetting { node: shared.cache.node().clone(), clinic, tag: Some(tag) };
    let response = pass(call).await?;
    let is_done = response.status().is_success() || response.status().is_redirection();
    if is_done || response.status().is_server_error() {
        forgetting.now().await;
    } else {
        forgetting.never();
    }
    Ok(response)
}

/// Forgets an address, whatever becomes of the future that has it.
struct Forgetting {
    node: CacheNode,
    clinic: ClinicId,
    tag: Option<String>,
}

impl Forgetting {
    async fn now(mut self) {
        if let Some(tag) = &self.tag {
            self.node.purge_tag(self.clinic, tag).await;
        }
        self.tag = None;
    }

    fn never(mut self) {
        self.tag = None;
    }
}

impl Drop for Forgetting {
    fn drop(&mut self) {
        let (node, clinic) = (self.node.clone(), self.clinic);
        if let (Some(tag), Ok(handle)) = (self.tag.take(), Handle::try_current()) {
            handle.spawn(async move { node.purge_tag(clinic, &tag).await });
        }
    }
}

/// Answers with what is kept, or calls the handler once for all who ask.
async fn answer<S, A, B>(
    shared: Arc<Shared>,
    look: Look,
    call: Call<S, A>,
) -> Result<Response<ResponseCacheBody<B>>, S::Error>
where
    S: Service<Request<A>, Response = Response<B>> + Send + 'static,
    S::Future: Send,
    S::Error: Send + 'static,
    A: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Send,
{
    let Look { key, tag, conditions, is_head, only_if_cached, asker } = look;
    if is_head || only_if_cached {
        let found = shared.cache.get(&key);
        return match found.and_then(|found| shared.usable(found)) {
            Some((kept, age)) => Ok(give(&kept, age, &conditions, is_head)),
            None if only_if_cached => Ok(plain(StatusCode::GATEWAY_TIMEOUT)),
            None => pass(call.on(&conditions)).await,
        };
    }
    let (leader, answered) = oneshot::channel();
    let waiting = Arc::new(Mutex::new(Some(call)));
    let (taken, errand) = (Arc::clone(&waiting), Errand { shared: Arc::clone(&shared), asker, tag });
    let found = shared.cache.get_or_load_option(&key, move |_| async move {
        let call = taken.lock().take();
        match call {
            Some(call) => errand.run(call, leader).await,
            // Who asked has gone on alone.
            None => Err(Unanswered),
        }
    });
    if let Some((kept, age)) = found.await.ok().flatten().and_then(|found| shared.usable(found)) {
        return Ok(give(&kept, age, &conditions, false));
    }
    let own = waiting.lock().take();
    if let Some(call) = own {
        return pass(call.on(&conditions)).await;
    }
    // The call is under way or over, and is this request's own.
    match answered.await {
        Ok(Answer::Kept(kept)) => Ok(give(&kept, Duration::ZERO, &conditions, false)),
        Ok(Answer::Passed(response)) => Ok(response),
        Ok(Answer::Failed(error)) => Err(error),
        Err(_) => Ok(plain(StatusCode::GATEWAY_TIMEOUT)),
    }
}

impl Shared {
    /// The response and its age, unless it said that it may not be given any more.
    fn usable(&self, found: Cached<KeptResponse>) -> Option<(Arc<KeptResponse>, Duration)> {
        let age = self.cache.age_of(&found);
        let kept = found.value();
        let is_over = age >= kept.keeping.life.unwrap_or_else(|| self.cache.policy().life());
        (!is_over || !kept.keeping.must_revalidate).then_some((kept, age))
    }
}

/// The kept response, or that the client has it.
fn give<B: Body<Data = Bytes>>(
    kept: &KeptResponse,
    age: Duration,
    conditions: &Conditions,
    is_head: bool,
) -> Response<ResponseCacheBody<B>> {
    let age = HeaderValue::from(kept.keeping.age.saturating_add(age).as_secs());
    let mut response = if conditions.have(&kept.headers) {
        let mut response = plain(StatusCode::NOT_MODIFIED);
        *response.headers_mut() = unmodified(&kept.headers);
        response
    } else {
        let body =
            if is_head { ResponseCacheBody::empty() } else { ResponseCacheBody::kept(kept.body.clone()) };
        let mut response = Response::new(body);
        *response.headers_mut() = kept.headers.clone();
        response
    };
    response.headers_mut().insert(header::AGE, age);
    response
}

/// What a 304 says of the response that the client has (RFC 9110, section 15.4.5).
fn unmodified(headers: &HeaderMap) -> HeaderMap {
    const SAID: [HeaderName; 6] = [
        header::CACHE_CONTROL,
        header::CONTENT_LOCATION,
        header::DATE,
        header::ETAG,
        header::EXPIRES,
        header::VARY,
    ];
    let is_said = |name: &HeaderName| SAID.contains(name);
    headers
        .iter()
        .filter(|(name, _)| is_said(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn plain<B: Body<Data = Bytes>>(status: StatusCode) -> Response<ResponseCacheBody<B>> {
    let mut response = Response::new(ResponseCacheBody::empty());
    *response.status_mut() = status;
    response
}

impl<S: fmt::Debug> fmt::Debug for ResponseCache<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseCache").field("inner", &self.inner).finish_non_exhaustive()
    }
}
