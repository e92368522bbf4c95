use bytes::Bytes;
use healthcare_cache::{
    CacheLevel, CacheNode, CachePolicy, Cacheable, FreeOfPhi, ResponseCache, ResponseCacheBuilder,
    ResponseCacheLayer, TtlClass, Viewer,
};
use healthcare_core::{ClinicId, ManualClock};
use http::{HeaderMap, Request, Response, StatusCode, header::HOST};
use http_body_util::{BodyExt as _, Full};
use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::sync::{Semaphore, watch};
use tower_layer::Layer as _;
use tower_service::Service;
use uuid::Uuid;

/// Nothing in it is about anybody.
pub(crate) struct Hours(pub(crate) String);
impl FreeOfPhi for Hours {}

pub(crate) const ONE: Viewer = viewer(1, 1);

pub(crate) const fn viewer(clinic: u128, actor: u128) -> Viewer {
    Viewer::actor(clinic_of(clinic), Uuid::from_u128(actor))
}

pub(crate) const fn clinic_of(number: u128) -> ClinicId {
    ClinicId::from_uuid(Uuid::from_u128(number))
}

/// How the handler answers: from the headers it was sent and how often it was called before.
pub(crate) type Script =
    Arc<dyn Fn(&HeaderMap, usize) -> Result<Response<Full<Bytes>>, Broken> + Send + Sync>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken;

#[derive(Clone)]
pub(crate) struct Handler {
    script: Script,
    pub(crate) calls: Arc<AtomicUsize>,
    pub(crate) seen: Arc<Mutex<HeaderMap>>,
    /// Answers need a permit.
    pub(crate) gate: Arc<Semaphore>,
    pub(crate) begun: watch::Sender<usize>,
}

impl Service<Request<Full<Bytes>>> for Handler {
    type Response = Response<Full<Bytes>>;
    type Error = Broken;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Broken>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let own = self.clone();
        Box::pin(async move {
            let before = own.calls.fetch_add(1, Ordering::SeqCst);
            *own.seen.lock().unwrap() = request.headers().clone();
            own.begun.send_modify(|count| *count += 1);
            own.gate.acquire().await.unwrap().forget();
            (own.script)(request.headers(), before)
        })
    }
}

pub(crate) struct Rig {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) handler: Handler,
    pub(crate) layer: ResponseCacheLayer,
    pub(crate) service: ResponseCache<Handler>,
}

/// What came, its body read.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub(crate) fn policy() -> CachePolicy {
    CachePolicy::of(TtlClass::Clinic).level(CacheLevel::Standard).jitter(0.0).build().unwrap()
}

/// A marked response with these headers, whose body is the number of the call.
pub(crate) fn hours(headers: &[(&'static str, &'static str)], call: usize) -> Response<Full<Bytes>> {
    let mut response = Cacheable::new(Hours(call.to_string()))
        .tag("hours")
        .mark(|hours| Response::new(Full::new(Bytes::from(hours.0))));
    for (name, value) in headers {
        response.headers_mut().append(*name, value.parse().unwrap());
    }
    response
}

impl Rig {
    pub(crate) fn plain() -> Self {
        Self::new(policy(), |builder| builder, Arc::new(|_, call| Ok(hours(&[], call))))
    }

    pub(crate) fn answering(headers: &'static [(&'static str, &'static str)]) -> Self {
        Self::new(policy(), |builder| builder, Arc::new(|_, call| Ok(hours(headers, call))))
    }

    pub(crate) fn new(
        policy: CachePolicy,
        change: impl FnOnce(ResponseCacheBuilder) -> ResponseCacheBuilder,
        script: Script,
    ) -> Self {
        let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
        let node = CacheNode::with_clock(clock.clone());
        let builder =
            ResponseCacheLayer::builder(policy, |request| request.extensions.get::<Viewer>().copied())
                .cache(|cache| cache.node(&node));
        let layer = change(builder).build().unwrap();
        let handler = Handler {
            script,
            calls: Arc::default(),
            seen: Arc::default(),
            gate: Arc::new(Semaphore::new(100_000)),
            begun: watch::Sender::new(0),
        };
        Self { clock, service: layer.layer(handler.clone()), handler, layer }
    }

    pub(crate) fn calls(&self) -> usize {
        self.handler.calls.load(Ordering::SeqCst)
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Got, Broken> {
        let response = self.service.clone().call(request).await?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap_or_else(|never: Infallible| match never {}).to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Ok(Got { status: parts.status, headers: parts.headers, body })
    }

    pub(crate) async fn get(&self) -> Got {
        self.send(asked(ONE, &[])).await.unwrap()
    }

    pub(crate) async fn get_with(&self, headers: &[(&'static str, &'static str)]) -> Got {
        self.send(asked(ONE, headers)).await.unwrap()
    }

    pub(crate) async fn has_begun(&self, calls: usize) {
        self.handler.begun.subscribe().wait_for(|count| *count >= calls).await.unwrap();
    }

    pub(crate) async fn settle(&self) {
        let mut turns = 0;
        while self.layer.cache().usage().flights > 0 {
            turns += 1;
            assert!(turns < 1_000_000, "a call does not end");
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn pass_time(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

pub(crate) fn request(
    method: &str,
    address: &str,
    viewer: Option<Viewer>,
    headers: &[(&'static str, &'static str)],
) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(address).header(HOST, "clinic.example");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Full::default()).unwrap();
    if let Some(viewer) = viewer {
        request.extensions_mut().insert(viewer);
    }
    request
}

pub(crate) fn asked(viewer: Viewer, headers: &[(&'static str, &'static str)]) -> Request<Full<Bytes>> {
    request("GET", "/hours?day=1", Some(viewer), headers)
}
