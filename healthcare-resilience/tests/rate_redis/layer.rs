use crate::{builder, fresh, shared};
use healthcare_resilience::{BoxError, Quota, RateLimitLayer, Rejection};
use std::{
    future::{Ready, ready},
    task::{Context, Poll},
};
use tower_layer::Layer as _;
use tower_service::Service;

#[derive(Clone)]
struct Echo;

impl Service<String> for Echo {
    type Response = String;
    type Error = BoxError;
    type Future = Ready<Result<String, BoxError>>;
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }
    fn call(&mut self, request: String) -> Self::Future {
        ready(Ok(request))
    }
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_service_is_limited_by_key_over_all_instances() {
    let connection = shared().await;
    let key = fresh();
    let service = || {
        let limit = builder(Quota::per_hour(2), connection.clone()).build().unwrap();
        let of = |request: &String| (!request.is_empty()).then(|| request.clone());
        RateLimitLayer::by_key(limit, of).layer(Echo)
    };
    assert_eq!(service().call(key.clone()).await.unwrap(), key);
    assert_eq!(service().call(key.clone()).await.unwrap(), key);
    let error = service().call(key.clone()).await.unwrap_err();
    assert!(Rejection::find(error.as_ref()).is_some());
    service().call(String::new()).await.unwrap();
}
