use super::{
    audit::{AdminAct, AdminEvent, Operator},
    build::CacheAdmin,
    caches::{Administered, AdministeredKey},
    json::{self, Order, Wanted},
};
use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{Path, Request, rejection::PathRejection},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use healthcare_core::{Clock as _, ErrorBody, ErrorCode, SystemClock};
use http::{HeaderValue, header, request};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A key and what is around it fit many times.
const BODY_MAX: usize = 16 * 1024;

type Answer = Result<Json<Value>, Refusal>;

/// Why nothing was done.
#[derive(Debug, Clone, Copy)]
struct Refusal(ErrorCode);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        ErrorBody::new(self.0, SystemClock::default().now()).into_response()
    }
}

impl CacheAdmin {
    /// The routes, for a router of any state: nest them where operators find them.
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let refused = async || Refusal(ErrorCode::MethodNotAllowed);
        let [counts, looks, purges] = [self.clone(), self.clone(), self.clone()];
        let counts = async move |request: Request| unstored(counts.count(&request.into_parts().0));
        let looks = async move |name: Result<Path<String>, PathRejection>, request: Request| {
            unstored(looks.look_up(name.ok(), request).await)
        };
        let purges = async move |request: Request| unstored(purges.purge(request).await);
        Router::new()
            .route("/caches", get(counts).fallback(refused))
            .route("/caches/{name}/look-up", post(looks).fallback(refused))
            .route("/purge", post(purges).fallback(refused))
    }

    fn count(&self, parts: &request::Parts) -> Answer {
        self.admit(parts)?;
        let caches: Vec<_> =
            self.caches.values().map(|cache| json::cache(&cache.statistics(), &cache.usage())).collect();
        let node = json::node(&self.node.statistics(), self.node.is_joined());
        Ok(Json(json!({ "node": node, "caches": caches })))
    }

    async fn look_up(&self, name: Option<Path<String>>, request: Request) -> Answer {
        let (operator, body) = self.open(request)?;
        let Wanted { key } = read(body).await?;
        // What is no text is no cache's name.
        let cache = self.cache(name.as_ref().map_or("", |name| name.as_str()))?;
        let key = key_of(cache, key)?;
        let act = AdminAct::LookUp { cache: cache.statistics().name, clinic: key.clinic(), key: key.mark() };
        self.take_down(&operator, act).await?;
        Ok(Json(json!({ "entry": key.inspect().as_ref().map(json::entry) })))
    }

    async fn purge(&self, request: Request) -> Answer {
        let (operator, body) = self.open(request)?;
        let order: Order = read(body).await?;
        let reach = match order {
            Order::Key { cache, key } => {
                let cache = self.cache(&cache)?;
                let key = key_of(cache, key)?;
                let name = cache.statistics().name;
                let act = AdminAct::PurgeKey { cache: name, clinic: key.clinic(), key: key.mark() };
                self.take_down(&operator, act).await?;
                key.purge().await
            }
            Order::Tag { clinic, tag } => {
                self.take_down(&operator, AdminAct::PurgeTag { clinic, tag: tag.clone() }).await?;
                self.node.purge_tag(clinic, &tag).await
            }
            Order::Subject { clinic, subject } => {
                self.take_down(&operator, AdminAct::PurgeSubject { clinic, subject }).await?;
                self.node.purge_subject(clinic, subject).await
            }
            Order::Clinic { clinic } => {
                self.take_down(&operator, AdminAct::PurgeClinic { clinic }).await?;
                self.node.purge_clinic(clinic).await
            }
            Order::All {} => {
                self.take_down(&operator, AdminAct::PurgeAll).await?;
                self.node.purge_all().await
            }
        };
        Ok(Json(json::reach(reach)))
    }

    fn admit(&self, parts: &request::Parts) -> Result<Operator, Refusal> {
        (self.guard)(parts).ok_or(Refusal(ErrorCode::AccessDenied))
    }

    /// Lets an operator in, before anything of the body is read.
    fn open(&self, request: Request) -> Result<(Operator, Body), Refusal> {
        let (parts, body) = request.into_parts();
        let operator = self.admit(&parts)?;
        let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
        if kind.trim().eq_ignore_ascii_case("application/json") {
            Ok((operator, body))
        } else {
            Err(Refusal(ErrorCode::UnsupportedMedia))
        }
    }

    fn cache(&self, name: &str) -> Result<&dyn Administered, Refusal> {
        self.caches.get(name).map(|cache| &**cache).ok_or(Refusal(ErrorCode::NotFound))
    }

    /// Takes down an act that this operator may do.
    async fn take_down(&self, operator: &Operator, act: AdminAct) -> Result<(), Refusal> {
        if !operator.may_act(act.clinic()) {
            return Err(Refusal(ErrorCode::AccessDenied));
        }
        let event = AdminEvent { operator: operator.id(), act };
        self.audit.record(&event).await.map_err(|error| {
            tracing::error!(target: "healthcare_cache", "an operator's act was not recorded, and so not done");
            drop(error);
            Refusal(ErrorCode::Internal)
        })
    }
}

fn key_of(cache: &dyn Administered, written: Value) -> Result<Box<dyn AdministeredKey>, Refusal> {
    cache.key(written).ok_or(Refusal(ErrorCode::ValidationFailed))
}

async fn read<T: DeserializeOwned>(body: Body) -> Result<T, Refusal> {
    let body = to_bytes(body, BODY_MAX).await.map_err(|_| Refusal(ErrorCode::TooLarge))?;
    serde_json::from_slice(&body).map_err(|_| Refusal(ErrorCode::MalformedRequest))
}

fn unstored(answer: Answer) -> Response {
    let mut response = answer.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
