//! How much is let in: by address, user and clinic, by what matters, and while the database answers.

use super::Problem;
use crate::{
    App,
    config::EdgeLimits,
    config::{Rate, RatePeriod},
    pages,
};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use healthcare_core::{ClinicId, ErrorCode, UserId};
use healthcare_rbac::{edge::bearer, token::AccessClaims};
use healthcare_resilience::{
    AddressKey, BoxError, CircuitBreaker, Class, HealthBuilder, KeyedRateLimit, Priority, Quota, RateHeaders,
    Rejection, Shedder,
};
use http::HeaderMap;
use std::{net::IpAddr, sync::Arc, time::Duration};

/// A request that takes so long shows a database in trouble: a page makes a dozen statements, and waits for the audit log.
const SLOW: Duration = Duration::from_secs(10);
/// Roles that give care: their requests outlast those of others.
const CARE: [&str; 6] =
    ["DOCTOR", "NURSE", "PHARMACIST", "LAB_TECHNICIAN", "RADIOLOGIST", "MEDICAL_ASSISTANT"];

/// The limits of this process. Cheap to clone; clones share what was counted.
#[derive(Debug, Clone)]
pub struct Limits {
    address: Limit<AddressKey>,
    user: Limit<(ClinicId, UserId)>,
    clinic: Limit<ClinicId>,
    shedder: Shedder,
    /// Around requests that need the database.
    database: CircuitBreaker,
}

#[derive(Debug, Clone)]
struct Limit<K> {
    limit: KeyedRateLimit<K>,
    headers: Arc<RateHeaders>,
}

impl<K: std::hash::Hash + Eq + Clone> Limit<K> {
    fn new(name: &'static str, rate: Rate) -> Result<Self, BoxError> {
        let quota = match rate.per {
            RatePeriod::Second => Quota::per_second(rate.requests),
            RatePeriod::Minute => Quota::per_minute(rate.requests),
            RatePeriod::Hour => Quota::per_hour(rate.requests),
        };
        let limit = KeyedRateLimit::builder(name).quota(quota).build()?;
        Ok(Self { limit, headers: Arc::new(RateHeaders::new(name, &quota)) })
    }

    fn admit(&self, key: &K, headers: &mut HeaderMap) -> Result<(), Rejection> {
        match self.limit.try_acquire(key) {
            Ok(decision) => self.headers.write(&decision, headers),
            Err(refused) => {
                self.headers.write_policy(headers);
                return Err(refused);
            }
        }
        Ok(())
    }
}

impl Limits {
    /// Limits of these sizes.
    ///
    /// # Errors
    /// When a size cannot be: the configuration has refused it before.
    pub fn new(sizes: &EdgeLimits) -> Result<Self, BoxError> {
        Ok(Self {
            address: Limit::new("address", sizes.address)?,
            user: Limit::new("user", sizes.user)?,
            clinic: Limit::new("clinic", sizes.clinic)?,
            shedder: Shedder::builder("requests").max_calls(usize::from(sizes.requests.0)).build()?,
            database: CircuitBreaker::database("database").slow_calls(SLOW, 0.8).build()?,
        })
    }

    /// Shows them on health pages.
    pub(crate) fn watched(&self, health: HealthBuilder) -> HealthBuilder {
        health.component(self.database.clone()).component(self.shedder.clone())
    }

    /// The circuit around requests that need the database.
    #[must_use]
    pub const fn database(&self) -> &CircuitBreaker {
        &self.database
    }

    /// Keeps out what matters least when there is more to do than can be done.
    #[must_use]
    pub const fn shedder(&self) -> &Shedder {
        &self.shedder
    }

    /// Counts a request of this address.
    ///
    /// # Errors
    /// When it has had its share.
    pub(super) fn address(&self, address: IpAddr, headers: &mut HeaderMap) -> Result<(), Rejection> {
        self.address.admit(&AddressKey::from(address), headers)
    }

    /// Counts a request of this user and, if that was let in, of their clinic.
    ///
    /// # Errors
    /// When one of them has had its share.
    pub(crate) fn caller(&self, claims: &AccessClaims, headers: &mut HeaderMap) -> Result<(), Rejection> {
        self.user.admit(&(claims.clinic, claims.user), headers)?;
        self.clinic.admit(&claims.clinic, headers)
    }
}

/// After the layer that asks for a token: the user's share, and the clinic's.
pub(crate) async fn by_caller(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let mut headers = HeaderMap::new();
    let admitted = match request.extensions().get::<AccessClaims>() {
        Some(claims) => limits.caller(claims, &mut headers),
        None => Ok(()),
    };
    let mut response = match admitted {
        Ok(()) => next.run(request).await,
        Err(refused) => Problem::refused(ErrorCode::RateLimited, refused).into_response(),
    };
    append(response.headers_mut(), headers);
    response
}

/// Adds headers beside those that are there.
pub(super) fn append(to: &mut HeaderMap, from: HeaderMap) {
    let mut name = None;
    for (next, value) in from {
        name = next.or(name);
        if let Some(name) = &name {
            to.append(name.clone(), value);
        }
    }
}

/// How much a request matters; nothing for one that is never kept out, because it costs nothing or is asked by whoever decides where to send
/// the others.
///
/// It is taken from a token that is signed by this house, not from what anybody may write: a sign-in that was ended keeps its place in the
/// queue for the few minutes its token lives, and gets in no further.
pub(super) fn priority(app: &App, request: &Request) -> Option<Priority> {
    let path = request.uri().path();
    if is_probe(path) || path.starts_with("/assets/") {
        return None;
    }
    let headers = request.headers();
    let token = match bearer(headers) {
        Ok(Some(token)) => Some(token),
        _ => app.pages.access_token(headers),
    };
    let Some(claims) = token.and_then(|token| app.tokens.verify(token).ok()) else {
        return Some(Priority::Normal);
    };
    let cares = claims.roles.iter().any(|role| CARE.contains(&role.as_str()));
    let purpose = headers.get("x-purpose-of-use").map(http::HeaderValue::as_bytes);
    Some(if cares && purpose == Some(b"ETREAT") {
        Priority::Emergency
    } else if ["/api/v1/audit", "/logger", "/api-docs"].iter().any(|slow| path.starts_with(slow)) {
        Priority::Background
    } else if cares {
        Priority::Clinical
    } else {
        Priority::Normal
    })
}

/// Whether it is a probe of health.
pub(super) fn is_probe(path: &str) -> bool {
    !pages::is_page(path) && !path.starts_with("/api")
}

/// What an answer says of the database. One to a caller's mistake, or while something else is away, says nothing.
pub(super) fn class(answer: &Response) -> Class {
    match (answer.extensions().get::<Problem>().map(|problem| problem.code), answer.status().as_u16()) {
        (Some(ErrorCode::StorageUnavailable | ErrorCode::CommitUnknown | ErrorCode::Elapsed), _) => {
            Class::Transient
        }
        // The layer that asks for a token could not look up the sign-in.
        (None, 503) => Class::Transient,
        (Some(_), _) | (None, 400..) => Class::Ignored,
        (None, _) => Class::Success,
    }
}
