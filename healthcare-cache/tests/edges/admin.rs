//! What operators may see and do.

use async_trait::async_trait;
use axum::{Router, body::Body};
use healthcare_cache::{
    AdminAct, AdminAudit, AdminEvent, Cache, CacheAdmin, CacheAdminError, CacheNode, CachePolicy, Loaded,
    Operator, TtlClass, cache_key,
};
use healthcare_core::{ClinicId, ManualClock};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::{
    error::Error,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tower_service::Service as _;
use uuid::Uuid;

cache_key! {
    #[derive(serde::Deserialize)]
    struct BedKey as "bed" { clinic: ClinicId, patient: Uuid as subject }
}

#[derive(Debug, Default)]
struct Log {
    events: Mutex<Vec<AdminEvent>>,
    is_full: AtomicBool,
}

#[async_trait]
impl AdminAudit for Log {
    async fn record(&self, event: &AdminEvent) -> Result<(), Box<dyn Error + Send + Sync>> {
        if self.is_full.load(Ordering::SeqCst) {
            return Err("the disk is full".into());
        }
        self.events.lock().unwrap().push(event.clone());
        Ok(())
    }
}

struct Rig {
    clock: Arc<ManualClock>,
    log: Arc<Log>,
    beds: Cache<BedKey, &'static str>,
    router: Router,
}

const fn clinic(number: u128) -> ClinicId {
    ClinicId::from_uuid(Uuid::from_u128(number))
}

const fn bed(of: u128) -> BedKey {
    BedKey { clinic: clinic(of), patient: Uuid::from_u128(7) }
}

const ANYWHERE: Operator = Operator::of_all(Uuid::from_u128(100));
const AT_ONE: Operator = Operator::of_clinic(Uuid::from_u128(101), clinic(1));

impl Rig {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
        let node = CacheNode::with_clock(clock.clone());
        let policy = CachePolicy::of(TtlClass::Patient).jitter(0.0).build().unwrap();
        let beds = Cache::builder(policy).node(&node).build().unwrap();
        let log = Arc::<Log>::default();
        let guard = |request: &http::request::Parts| request.extensions.get::<Operator>().copied();
        let admin = CacheAdmin::builder(&node, guard, log.clone()).cache(&beds).build().unwrap();
        for of in [1, 2] {
            beds.set(&bed(of), Loaded::new("a secret").tag("ward")).await;
        }
        Self { clock, log, beds, router: admin.router() }
    }

    async fn send(
        &self,
        who: Option<Operator>,
        method: &str,
        path: &str,
        body: String,
    ) -> (StatusCode, Value) {
        let kind = if method == "POST" { "application/json; charset=utf-8" } else { "text/plain" };
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", kind)
            .body(Body::from(body))
            .unwrap();
        if let Some(who) = who {
            request.extensions_mut().insert(who);
        }
        let response = self.router.clone().call(request).await.unwrap();
        let status = response.status();
        assert_eq!(response.headers()["cache-control"], "no-store", "{path}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(!String::from_utf8_lossy(&body).contains("secret"), "a value is shown");
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn post(&self, who: Operator, path: &str, body: &Value) -> (StatusCode, Value) {
        self.send(Some(who), "POST", path, body.to_string()).await
    }

    fn acts(&self) -> Vec<AdminAct> {
        self.log.events.lock().unwrap().iter().map(|event| event.act.clone()).collect()
    }

    fn is_kept(&self, of: u128) -> bool {
        self.beds.get(&bed(of)).is_some()
    }
}

fn code(answer: &Value) -> &str {
    answer["error"]["code"].as_str().unwrap()
}

fn written(of: u128) -> Value {
    json!({ "clinic": clinic(of), "patient": Uuid::from_u128(7) })
}

#[tokio::test(start_paused = true)]
async fn nobody_is_let_in_without_the_guard() {
    let rig = Rig::new().await;
    for (method, path) in [("GET", "/caches"), ("POST", "/caches/bed/look-up"), ("POST", "/purge")] {
        let (status, answer) = rig.send(None, method, path, json!({ "all": {} }).to_string()).await;
        assert_eq!((status, code(&answer)), (StatusCode::FORBIDDEN, "ACCESS_DENIED"), "{path}");
    }
    assert!(rig.is_kept(1) && rig.acts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_value_is_looked_up_without_being_shown() {
    let rig = Rig::new().await;
    rig.clock.advance(Duration::from_secs(60));
    let wanted = json!({ "key": written(1) });
    let (status, answer) = rig.post(AT_ONE, "/caches/bed/look-up", &wanted).await;
    assert_eq!(status, StatusCode::OK);
    let entry = &answer["entry"];
    assert_eq!((&entry["age_seconds"], &entry["left_seconds"]), (&json!(60.0), &json!(1_740.0)));
    assert_eq!(
        (&entry["level"], &entry["tags"], &entry["is_stale"]),
        (&json!("sensitive"), &json!(1), &json!(false))
    );
    let mark = rig.beds.node().key_mark(&bed(1));
    assert_eq!(rig.acts(), [AdminAct::LookUp { cache: "bed", clinic: clinic(1), key: mark }]);
    assert_eq!(rig.log.events.lock().unwrap()[0].operator, Uuid::from_u128(101));
    let none = json!({ "key": { "clinic": clinic(1), "patient": Uuid::nil() } });
    assert_eq!(rig.post(AT_ONE, "/caches/bed/look-up", &none).await.1, json!({ "entry": null }));
    // A look-up is no read.
    let (_, counts) = rig.send(Some(AT_ONE), "GET", "/caches", String::new()).await;
    assert_eq!(
        (&counts["caches"][0]["name"], &counts["caches"][0]["memory"]["hits"]),
        (&json!("bed"), &json!(0))
    );
    assert_eq!(
        (&counts["node"]["is_deaf"], &counts["caches"][0]["usage"]["entries"]),
        (&json!(false), &json!(2))
    );
}

#[tokio::test(start_paused = true)]
async fn each_purge_is_recorded_and_reaches_what_it_names() {
    let one = |act: Value| (act, true);
    let orders = [
        one(json!({ "key": { "cache": "bed", "key": written(1) } })),
        one(json!({ "tag": { "clinic": clinic(1), "tag": "ward" } })),
        one(json!({ "subject": { "clinic": clinic(1), "subject": Uuid::from_u128(7) } })),
        one(json!({ "clinic": { "clinic": clinic(1) } })),
        (json!({ "all": {} }), false),
    ];
    for (order, is_other_kept) in orders {
        let rig = Rig::new().await;
        let (status, answer) = rig.post(ANYWHERE, "/purge", &order).await;
        assert_eq!((status, answer), (StatusCode::OK, json!({ "reach": "everyone" })), "{order}");
        assert_eq!((rig.is_kept(1), rig.is_kept(2)), (false, is_other_kept), "{order}");
        assert_eq!(rig.acts().len(), 1, "{order}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_operator_of_one_clinic_reaches_that_clinic_alone() {
    let rig = Rig::new().await;
    let foreign = [
        json!({ "key": { "cache": "bed", "key": written(2) } }),
        json!({ "tag": { "clinic": clinic(2), "tag": "ward" } }),
        json!({ "subject": { "clinic": clinic(2), "subject": Uuid::from_u128(7) } }),
        json!({ "clinic": { "clinic": clinic(2) } }),
        json!({ "all": {} }),
    ];
    for order in foreign {
        let (status, answer) = rig.post(AT_ONE, "/purge", &order).await;
        assert_eq!((status, code(&answer)), (StatusCode::FORBIDDEN, "ACCESS_DENIED"), "{order}");
    }
    let (status, _) = rig.post(AT_ONE, "/caches/bed/look-up", &json!({ "key": written(2) })).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(rig.is_kept(2) && rig.acts().is_empty());
    rig.post(AT_ONE, "/purge", &json!({ "clinic": { "clinic": clinic(1) } })).await;
    assert!(!rig.is_kept(1));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_recorded_is_not_done() {
    let rig = Rig::new().await;
    rig.log.is_full.store(true, Ordering::SeqCst);
    for (path, body) in
        [("/purge", json!({ "all": {} })), ("/caches/bed/look-up", json!({ "key": written(1) }))]
    {
        let (status, answer) = rig.post(ANYWHERE, path, &body).await;
        assert_eq!((status, code(&answer)), (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR"));
        assert!(!answer.to_string().contains("disk"), "the cause is not told");
    }
    assert!(rig.is_kept(1));
}

#[tokio::test(start_paused = true)]
async fn errors_have_a_code_and_repeat_nothing() {
    let rig = Rig::new().await;
    let cases = [
        ("POST", "/purge", "{\"secret".to_owned(), 400, "REQUEST_MALFORMED"),
        ("POST", "/purge", json!({ "secret": {} }).to_string(), 400, "REQUEST_MALFORMED"),
        ("POST", "/purge", json!({ "all": {}, "tag": {} }).to_string(), 400, "REQUEST_MALFORMED"),
        ("POST", "/purge", json!({ "key": { "cache": "secret", "key": {} } }).to_string(), 404, "NOT_FOUND"),
        ("POST", "/caches/secret/look-up", json!({ "key": {} }).to_string(), 404, "NOT_FOUND"),
        ("POST", "/caches/%ffsecret/look-up", json!({ "key": {} }).to_string(), 404, "NOT_FOUND"),
        ("POST", "/caches/bed/look-up", json!({ "key": "secret" }).to_string(), 422, "VALIDATION_FAILED"),
        ("POST", "/purge", format!("\"{}\"", "x".repeat(20_000)), 413, "REQUEST_TOO_LARGE"),
        ("DELETE", "/purge", String::new(), 405, "METHOD_NOT_ALLOWED"),
        ("PUT", "/caches/bed/look-up", String::new(), 405, "METHOD_NOT_ALLOWED"),
    ];
    for (method, path, body, status, wanted) in cases {
        let (found, answer) = rig.send(Some(ANYWHERE), method, path, body).await;
        assert_eq!((found.as_u16(), code(&answer)), (status, wanted), "{method} {path}");
    }
    let request =
        Request::builder().method("POST").uri("/purge").extension(ANYWHERE).body(Body::from("{\"all\":{}}"));
    let response = rig.router.clone().call(request.unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(rig.acts().is_empty() && rig.is_kept(1));
}

#[tokio::test(start_paused = true)]
async fn a_cache_of_another_node_is_refused() {
    let rig = Rig::new().await;
    let builder = || CacheAdmin::builder(&CacheNode::new(), |_| None, rig.log.clone());
    assert_eq!(builder().cache(&rig.beds).build().unwrap_err(), CacheAdminError::OtherNode("bed"));
    assert_eq!(builder().keyless_cache(&rig.beds).build().unwrap_err(), CacheAdminError::OtherNode("bed"));
    let same = rig.beds.node().clone();
    CacheAdmin::builder(&same, |_| None, rig.log.clone()).cache(&rig.beds).build().unwrap();
}

#[tokio::test(start_paused = true)]
async fn two_caches_of_one_name_are_refused() {
    let rig = Rig::new().await;
    let builder = CacheAdmin::builder(rig.beds.node(), |_| None, rig.log.clone());
    let error = builder.cache(&rig.beds).keyless_cache(&rig.beds).build().unwrap_err();
    assert_eq!(error, CacheAdminError::SameName("bed"));
}
