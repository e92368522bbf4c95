//! Every call form once, with something about a person wherever a text fits.

use super::ears::SECRETS;
use async_trait::async_trait;
use axum::body::Body;
use healthcare_cache::{
    AdminAct, AdminAudit, AdminEvent, Cache, CacheAdmin, CacheLevel, CacheNode, CachePolicy, Cacheable,
    FreeOfPhi, JsonCodec, KeyWriter, Loaded, Look, NodeBuilder, Operator, ResponseCacheLayer, TtlClass,
    Viewer, cache_key,
};
use healthcare_core::{ClinicId, KeyId, MasterKey, MemoryKeys, MemoryScopeKeys, Vault};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use serde_json::json;
use std::{
    error::Error,
    fmt::{Debug, Write as _},
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tower_layer::Layer as _;
use tower_service::Service;
use uuid::Uuid;

const VALUE: &str = SECRETS[0];
const KEY: &str = SECRETS[1];
const TAG: &str = SECRETS[2];
const ADDRESS: &str = SECRETS[3];
const HEADER: &str = SECRETS[4];
const WORDS: &str = SECRETS[5];

cache_key! {
    #[derive(serde::Deserialize)]
    struct ChartKey as "chart" { clinic: ClinicId, patient: Uuid as subject, part: String }
}

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Chart(String);

fn chart() -> Loaded<Chart> {
    Loaded::new(Chart(VALUE.repeat(100))).tag(TAG)
}

/// What came out.
#[derive(Default)]
pub(super) struct Told {
    /// What `Debug` shows of everything.
    pub(super) shown: String,
    pub(super) answers: String,
    pub(super) ids: Vec<Uuid>,
    pub(super) was_shared: bool,
}

impl Told {
    fn show(&mut self, value: &dyn Debug) {
        let _ = writeln!(self.shown, "{value:?} {value:#?}");
    }
}

pub(super) async fn use_all(builder: NodeBuilder) -> Told {
    let mut told = Told::default();
    let master = MasterKey::new(KeyId::from_bytes([1; 8]), [2; 32]);
    let vault = Vault::new(&MemoryKeys::new([master]), Arc::new(MemoryScopeKeys::default())).unwrap();
    let builder = builder.secret(&[3; 32]).cipher(Arc::new(vault).cache_cipher());
    told.show(&builder);
    let (node, coherence) = builder.build().unwrap();
    told.show(&coherence);
    let hearing = tokio::spawn(coherence.run());
    while !node.is_hearing() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for level in [CacheLevel::Standard, CacheLevel::Sensitive, CacheLevel::Restricted] {
        let policy = CachePolicy::of(TtlClass::Patient).level(level).negative_life(Duration::from_secs(60));
        let policy = policy.build().unwrap();
        let builder = Cache::<ChartKey, Chart>::builder(policy).name("charts").node(&node).shared(JsonCodec);
        told.show(&builder);
        let charts = builder.build().unwrap();
        reads(&charts, &mut told).await;
        purges(&charts, &mut told).await;
        told.was_shared |= charts.statistics().shared_stored > 0;
        operators(&node, &charts, &mut told).await;
    }
    responses(&node, &mut told).await;
    told.show(&node);
    told.show(&node.statistics());
    hearing.abort();
    told
}

fn key(told: &mut Told, number: u128) -> ChartKey {
    let key = ChartKey {
        clinic: ClinicId::from_uuid(Uuid::from_u128(0xc11c_c11c_0bad_c0de_c11c << 16)),
        patient: Uuid::from_u128((0xface_feed_dead_beef_cafe << 16) + number),
        part: KEY.to_owned(),
    };
    told.ids.extend([key.clinic.as_uuid(), key.patient]);
    key
}

async fn settle(charts: &Cache<ChartKey, Chart>) {
    loop {
        let usage = charts.usage();
        if usage.flights + usage.writes == 0 {
            break;
        }
        tokio::task::yield_now().await;
    }
}

async fn reads(charts: &Cache<ChartKey, Chart>, told: &mut Told) {
    let one = key(told, 1);
    told.show(charts);
    for _ in 0..2 {
        let found = charts.get_or_load(&one, |_| async { Ok::<_, io::Error>(chart()) }).await.unwrap();
        assert!(found.0.contains(VALUE));
        told.show(&found);
        settle(charts).await;
    }
    let failing = |load: healthcare_cache::Load<Chart>| async move {
        let _shown = format!("{load:?}");
        Err::<Loaded<Chart>, _>(io::Error::other(WORDS))
    };
    let error = charts.get_or_load(&key(told, 2), failing).await.unwrap_err();
    let _ = writeln!(told.shown, "{error}");
    let none = |_| async { Ok::<Option<Loaded<Chart>>, io::Error>(None) };
    assert!(charts.get_or_load_option(&key(told, 3), none).await.unwrap().is_none());
    let many = [key(told, 1), key(told, 4)];
    let found = charts
        .get_or_load_many(&many, |keys: Vec<ChartKey>| async move {
            Ok::<_, io::Error>(keys.into_iter().map(|key| (key, chart())).collect::<Vec<_>>())
        })
        .await;
    told.show(&found.len());
    match charts.look_up(&key(told, 5)).await {
        Look::Miss(vacancy) => {
            told.show(&vacancy);
            told.show(&vacancy.keep(chart()).await);
        }
        hit @ Look::Hit(_) => told.show(&hit),
    }
    settle(charts).await;
    told.show(&charts.get(&one));
    told.show(&charts.inspect(&one));
    told.show(&charts.usage());
    told.show(&charts.statistics());
    told.show(&chart());
    let mut out = KeyWriter::default();
    told.show(out.text(KEY));
}

async fn purges(charts: &Cache<ChartKey, Chart>, told: &mut Told) {
    let (node, one) = (charts.node(), key(told, 1));
    charts.set(&one, chart()).await;
    told.show(&charts.expire(&one).await);
    told.show(&charts.purge(&one).await);
    let marks = [node.key_mark(&one), node.tag_mark(one.clinic, TAG)];
    let bar = node.bar(one.clinic, marks, Duration::from_secs(5)).await.unwrap();
    told.show(&bar);
    told.show(&bar.lift().await);
    node.purge_tag(one.clinic, TAG).await;
    node.purge_subject(one.clinic, one.patient).await;
    node.purge_clinic(one.clinic).await;
    node.purge_all().await;
}

#[derive(Debug, Default)]
struct Log(AtomicBool);

#[async_trait]
impl AdminAudit for Log {
    async fn record(&self, _: &AdminEvent) -> Result<(), Box<dyn Error + Send + Sync>> {
        if self.0.load(Ordering::SeqCst) { Err(WORDS.into()) } else { Ok(()) }
    }
}

async fn operators(node: &CacheNode, charts: &Cache<ChartKey, Chart>, told: &mut Told) {
    let one = key(told, 1);
    charts.set(&one, chart()).await;
    let log = Arc::new(Log::default());
    let builder =
        CacheAdmin::builder(node, |_| Some(Operator::of_all(Uuid::nil())), log.clone()).cache(charts);
    told.show(&builder);
    let admin = builder.build().unwrap();
    told.show(&admin);
    told.show(&AdminAct::PurgeTag { clinic: one.clinic, tag: TAG.to_owned() });
    let written = json!({ "clinic": one.clinic, "patient": one.patient, "part": KEY });
    let wrong = json!({ "clinic": one.clinic, "patient": WORDS, "part": KEY });
    for is_full in [true, false] {
        log.0.store(is_full, Ordering::SeqCst);
        for (path, body) in [
            ("/caches".to_owned(), String::new()),
            ("/caches/charts/look-up".to_owned(), json!({ "key": written }).to_string()),
            ("/caches/charts/look-up".to_owned(), json!({ "key": wrong }).to_string()),
            (format!("/caches/{ADDRESS}/look-up"), json!({ "key": written }).to_string()),
            (format!("/caches/{ADDRESS}%ff/look-up"), json!({ "key": written }).to_string()),
            (format!("/{ADDRESS}"), String::new()),
            ("/purge".to_owned(), json!({ "tag": { "clinic": one.clinic, "tag": TAG } }).to_string()),
            ("/purge".to_owned(), json!({ "key": { "cache": WORDS, "key": written } }).to_string()),
            ("/purge".to_owned(), json!({ WORDS: written }).to_string()),
            ("/purge".to_owned(), format!("{{\"{WORDS}")),
        ] {
            let method = if body.is_empty() { "GET" } else { "POST" };
            let request = Request::builder().method(method).uri(path);
            let request = request.header("content-type", "application/json").body(Body::from(body)).unwrap();
            let response = admin.router().call(request).await.unwrap();
            let _ = writeln!(told.answers, "{} {:?}", response.status(), response.headers());
            let body = response.into_body().collect().await.unwrap().to_bytes();
            told.answers.push_str(&String::from_utf8_lossy(&body));
        }
    }
}

#[derive(Clone, Debug)]
struct Hours(String);
impl FreeOfPhi for Hours {}

#[derive(Clone, Debug)]
struct Handler;
impl Service<Request<Full<bytes::Bytes>>> for Handler {
    type Response = Response<Full<bytes::Bytes>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn call(&mut self, request: Request<Full<bytes::Bytes>>) -> Self::Future {
        let is_failing = request.uri().path().contains("fails");
        Box::pin(async move {
            if is_failing {
                return Err(io::Error::other(WORDS));
            }
            let hours = Cacheable::new(Hours(VALUE.to_owned())).tag(TAG);
            Ok(hours.mark(|hours| Response::new(Full::new(bytes::Bytes::from(hours.0)))))
        })
    }
}

async fn responses(node: &CacheNode, told: &mut Told) {
    let one = key(told, 1);
    let viewer = Viewer::actor(one.clinic, one.patient);
    let builder =
        ResponseCacheLayer::builder(CachePolicy::of(TtlClass::Clinic).build().unwrap(), move |_| {
            Some(viewer)
        })
        .cache(|cache| cache.node(node));
    told.show(&builder);
    let layer = builder.build().unwrap();
    told.show(&layer);
    told.show(&Cacheable::new(Hours("8 to 17".to_owned())).tag(TAG));
    let mut service = layer.layer(Handler);
    told.show(&service);
    for (method, path) in
        [("GET", "x"), ("GET", "x"), ("HEAD", "x"), ("PUT", "x"), ("GET", "fails"), ("PUT", "fails")]
    {
        let request = Request::builder()
            .method(method)
            .uri(format!("/{ADDRESS}/{path}?{ADDRESS}"))
            .header("accept", HEADER)
            .header("authorization", HEADER)
            .body(Full::default())
            .unwrap();
        if let Ok(response) = service.call(request).await {
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert!(method != "GET" || body.len() == VALUE.len());
        }
    }
    assert!(layer.cache().statistics().hits > 0);
    told.show(&layer.cache().statistics());
}
