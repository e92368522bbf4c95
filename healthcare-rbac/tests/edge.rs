//! Requests on their way in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![cfg(all(feature = "axum", feature = "clinic"))]

use axum::{Router, body::Body, body::to_bytes, routing::get};
use healthcare_core::{
    Action, Boundary, ClinicId, Clock, CorrelationId, ManualClock, MemoryAudit, MemoryRelations, Outcome,
    SessionId, UserId,
};
use healthcare_rbac::{
    MemoryAccounts,
    edge::{AuthLayer, Claims, ClientAddress, Context, SubdomainClinic, TokenPlace},
    policy::{Policy, PolicyAuthorizer},
    session::{EndReason, NewSession, Session, SessionGuard, SessionStore as _},
    token::{Access, KeyRing, TokenConfig, TokenKey, TokenService},
    user::{EmailIndex, NewUser, UserStore as _},
};
use http::{Request, StatusCode};
use serde_json::Value;
use std::{net::IpAddr, sync::Arc, time::Duration};
use tower::ServiceExt as _;

struct House {
    clock: Arc<ManualClock>,
    accounts: Arc<MemoryAccounts>,
    audit: Arc<MemoryAudit>,
    layer: AuthLayer,
    routes: Router,
    clinic: ClinicId,
    session: SessionId,
    token: String,
}

async fn house() -> House {
    let clock = Arc::new(ManualClock::at("2026-03-01T08:00:00Z".parse().unwrap()));
    let audit = Arc::new(MemoryAudit::default());
    let policy = PolicyAuthorizer::new(Policy::clinic().unwrap(), Arc::new(MemoryRelations::default()));
    let boundary = Boundary::builder(policy, audit.clone()).allow_volatile_audit().build().unwrap();
    let ring = KeyRing::new([TokenKey::hs256("k1", &[7; 32]).unwrap()]).unwrap();
    let tokens =
        TokenService::new(TokenConfig::new("https://a.example", "clinic"), ring, clock.clone()).unwrap();
    let accounts = Arc::new(MemoryAccounts::default());
    let guard = SessionGuard::new(accounts.clone(), clock.clone(), Duration::from_secs(1));
    let (user, clinic, session) = (UserId::random(), ClinicId::random(), SessionId::random());
    accounts
        .add(&NewUser { id: user, email: EmailIndex::from_bytes([1; 32]), password: None })
        .await
        .unwrap();
    let now = clock.now();
    let ends = now.checked_add(jiff::SignedDuration::from_hours(12)).unwrap();
    let row = Session {
        id: session,
        user,
        clinic,
        refresh: [1; 32],
        previous: None,
        rotated: now,
        created: now,
        idle_until: ends,
        ends,
        revoked: None,
    };
    assert!(accounts.create(&NewSession { session: row, epoch: 0 }).await.unwrap());
    let roles = Arc::from(["DOCTOR".parse().unwrap()]);
    let token = tokens.issue(&Access { user, clinic, roles, session, profile: None, epoch: 0 }).unwrap().text;
    let layer = AuthLayer::new(tokens, guard, boundary.edge.clone(), clock.clone()).or_cookie("clinic_token");
    let routes = Router::new().route("/me", get(me)).layer(layer.clone()).route("/open", get(outside));
    House { clock, accounts, audit, layer, routes, clinic, session, token }
}

async fn me(Context(context): Context, Claims(claims): Claims, place: axum::Extension<TokenPlace>) -> String {
    assert_eq!(context.session(), Some(claims.session));
    let purpose = context.asked_purpose().map_or("none", |purpose| purpose.as_str());
    let source = context.source().map_or_else(|| "nowhere".to_owned(), |ip| ip.to_string());
    format!("{} {purpose} {source} {:?}", context.clinic(), place.0)
}

async fn outside(_: Context) -> &'static str {
    "never"
}

impl House {
    fn request(&self, headers: &[(&str, &str)], uri: &str) -> Request<Body> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, Option<String>, String) {
        let response = self.routes.clone().oneshot(request).await.unwrap();
        let challenge =
            response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
        let status = response.status();
        let body = to_bytes(response.into_body(), 65_536).await.unwrap();
        (status, challenge, String::from_utf8(body.to_vec()).unwrap())
    }

    /// The code and the challenge of a refusal.
    async fn refused(&self, headers: &[(&str, &str)], uri: &str) -> (String, Option<String>) {
        let (status, challenge, body) = self.send(self.request(headers, uri)).await;
        let body: Value = serde_json::from_str(&body).unwrap_or_else(|_| panic!("{status} {body}"));
        assert!(body["error"]["message"].is_string() && body["error"]["timestamp"].is_string(), "{body}");
        assert!(!body.to_string().contains(&self.token));
        (body["error"]["code"].as_str().unwrap().to_owned(), challenge)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }
}

#[tokio::test]
async fn a_good_token_becomes_a_context() {
    let house = house().await;
    let (bearer, clinic) = (house.bearer(), house.clinic.to_string());
    let headers =
        [("authorization", bearer.as_str()), ("x-clinic-id", &clinic), ("x-purpose-of-use", "TREAT")];
    let mut request = house.request(&headers, &format!("/me?page=2&clinic_id={clinic}"));
    request.extensions_mut().insert(ClientAddress(IpAddr::from([203, 0, 113, 9])));
    request.extensions_mut().insert(SubdomainClinic(house.clinic));
    let (status, _, body) = house.send(request).await;
    assert_eq!((status, body), (StatusCode::OK, format!("{clinic} TREAT 203.0.113.9 Header")));
    let plain =
        house.send(house.request(&[("authorization", &bearer.replace("Bearer", "bearer"))], "/me")).await;
    assert_eq!(plain.0, StatusCode::OK, "the scheme's case means nothing");
    let cookie = format!("other=1; clinic_token={}", house.token);
    let page = house.send(house.request(&[("cookie", &cookie)], "/me")).await;
    assert!(page.2.ends_with("Cookie"), "{}", page.2);
    assert_eq!(house.layer.refused(), 0);
}

#[tokio::test]
async fn no_token_and_a_bad_token_are_challenged_as_the_standard_says() {
    let house = house().await;
    let none = house.refused(&[], "/me").await;
    assert_eq!(none, ("AUTH_REQUIRED".into(), Some("Bearer realm=\"clinic\"".into())));
    let bearer = house.bearer();
    let twice = [("authorization", bearer.as_str()), ("authorization", bearer.as_str())];
    assert_eq!(house.refused(&twice, "/me").await.0, "AUTH_TOKEN_INVALID");
    let double = format!("Bearer  {}", house.token);
    let both = format!("{bearer}, Bearer x");
    for wrong in [
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        &house.token,
        &double,
        &both,
        "Bearer a.b.c",
        "Bearer \u{e9}",
    ] {
        let (code, challenge) = house.refused(&[("authorization", wrong)], "/me").await;
        assert_eq!(code, "AUTH_TOKEN_INVALID", "{wrong:.20}");
        assert!(challenge.unwrap().contains("invalid_token"));
    }
    let query = house.refused(&[], &format!("/me?access_token={}", house.token)).await;
    assert_eq!(query.0, "AUTH_REQUIRED", "a token in the address is not looked at");
    let planted = format!("clinic_token={0}; clinic_token={0}", house.token);
    assert_eq!(house.refused(&[("cookie", &planted)], "/me").await.0, "AUTH_TOKEN_INVALID");
    house.clock.advance(Duration::from_secs(605));
    let (code, challenge) = house.refused(&[("authorization", &bearer)], "/me").await;
    assert_eq!(code, "AUTH_TOKEN_EXPIRED");
    assert!(challenge.unwrap().contains("expired"));
    assert_eq!(house.layer.refused(), 14);
}

#[tokio::test]
async fn a_signed_out_token_is_refused() {
    let house = house().await;
    let bearer = house.bearer();
    assert_eq!(house.send(house.request(&[("authorization", &bearer)], "/me")).await.0, StatusCode::OK);
    assert!(house.accounts.revoke(house.session, house.clock.now(), EndReason::SignOut).await.unwrap());
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(house.refused(&[("authorization", &bearer)], "/me").await.0, "AUTH_SESSION_REVOKED");
}

#[tokio::test]
async fn whoever_names_another_clinic_than_the_token_is_refused_and_recorded() {
    let house = house().await;
    let (bearer, other) = (house.bearer(), ClinicId::random().to_string());
    let authorization = ("authorization", bearer.as_str());
    let (code, challenge) = house.refused(&[authorization, ("x-clinic-id", &other)], "/me").await;
    assert_eq!((code.as_str(), challenge), ("CLINIC_MISMATCH", None));
    assert_eq!(house.refused(&[authorization], &format!("/me?clinic_id={other}")).await.0, "CLINIC_MISMATCH");
    for odd in ["", "*", "%2a", "' OR 1=1"] {
        let code = house.refused(&[authorization, ("x-clinic-id", odd)], "/me").await.0;
        assert_eq!(code, "CLINIC_MISMATCH", "{odd}");
    }
    let mut request = house.request(&[authorization], "/me");
    request.extensions_mut().insert(SubdomainClinic(ClinicId::random()));
    assert_eq!(house.send(request).await.0, StatusCode::FORBIDDEN);
    let clinic = house.clinic.to_string();
    let twice = [authorization, ("x-clinic-id", &clinic), ("x-clinic-id", &other)];
    assert_eq!(house.refused(&twice, "/me").await.0, "REQUEST_MALFORMED");
    let both = format!("/me?clinic_id={clinic}&clinic_id={other}");
    assert_eq!(house.refused(&[authorization], &both).await.0, "REQUEST_MALFORMED");
    let denied = house.audit.outcomes_of(Action::Enter);
    assert!(
        denied.len() >= 3 && denied.iter().all(|outcome| matches!(outcome, Outcome::Denied(_))),
        "{denied:?}"
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_and_never_a_500() {
    let house = house().await;
    let bearer = house.bearer();
    let authorization = ("authorization", bearer.as_str());
    for (name, value) in [("x-purpose-of-use", "treat"), ("x-purpose-of-use", "'"), ("x-location-id", "here")]
    {
        assert_eq!(
            house.refused(&[authorization, (name, value)], "/me").await.0,
            "VALIDATION_FAILED",
            "{name} {value}"
        );
    }
    let (status, ..) = house.send(house.request(&[authorization, ("traceparent", "nonsense")], "/me")).await;
    assert_eq!(status, StatusCode::OK, "a bad trace is ignored, as its standard asks");
}

#[tokio::test]
async fn a_context_from_before_the_layer_counts_for_nothing_and_a_route_outside_it_has_none() {
    let house = house().await;
    assert_eq!(house.refused(&[("authorization", &house.bearer())], "/open").await.0, "AUTH_REQUIRED");
    let number = CorrelationId::random();
    let mut request = house.request(&[], "/me");
    request.extensions_mut().insert(number);
    let (_, _, body) = house.send(request).await;
    assert!(body.contains(&number.to_string()), "the answer carries the request's number: {body}");
}
