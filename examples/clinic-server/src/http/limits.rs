//! How much is let in: by address, user and clinic, by what matters, and while the database answers.

use super::{Problem, SharedCounts, counts::Count};
use crate::{App, config::EdgeLimits};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use healthcare_core::ErrorCode;
use healthcare_rbac::{edge::bearer, policy::EMERGENCY_PURPOSE, token::AccessClaims};
use healthcare_resilience::{
    AddressKey, BoxError, CircuitBreaker, Class, HealthBuilder, Priority, Rejection, Shedder,
};
use http::HeaderMap;
use std::{net::IpAddr, time::Duration};

/// A request that takes so long shows a database in trouble: a page makes a dozen statements, and waits for the audit log.
const SLOW: Duration = Duration::from_secs(10);
/// Roles that give care: their requests outlast those of others.
const CARE: [&str; 6] =
    ["DOCTOR", "NURSE", "PHARMACIST", "LAB_TECHNICIAN", "RADIOLOGIST", "MEDICAL_ASSISTANT"];

/// The limits of this process. Cheap to clone; clones share what was counted.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Counted here alone: whoever floods one process does not reach what the others share.
    address: Count<AddressKey>,
    user: Count<[u8; 32]>,
    clinic: Count<[u8; 16]>,
    shared: Option<SharedCounts>,
    shedder: Shedder,
    /// Around requests that need the database.
    database: CircuitBreaker,
}

impl Limits {
    /// Limits of these sizes; shares of users and clinics are counted for all processes together where there is a place for it.
    ///
    /// # Errors
    /// When a size cannot be: the configuration has refused it before.
    pub fn new(sizes: &EdgeLimits, shared: Option<SharedCounts>) -> Result<Self, BoxError> {
        Ok(Self {
            address: Count::new("address", sizes.address, None)?,
            user: Count::new("user", sizes.user, shared.as_ref())?,
            clinic: Count::new("clinic", sizes.clinic, shared.as_ref())?,
            shared,
            shedder: Shedder::builder("requests").max_calls(usize::from(sizes.requests.0)).build()?,
            database: CircuitBreaker::database("database").slow_calls(SLOW, 0.8).build()?,
        })
    }

    /// Shows them on health pages.
    pub(crate) fn watched(&self, health: HealthBuilder) -> HealthBuilder {
        let health = health.component(self.database.clone()).component(self.shedder.clone());
        let health = self.clinic.watched(self.user.watched(health));
        match &self.shared {
            Some(shared) => shared.watched(health),
            None => health,
        }
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
    pub(super) async fn address(&self, address: IpAddr, headers: &mut HeaderMap) -> Result<(), Rejection> {
        self.address.admit(&AddressKey::from(address), headers).await
    }

    /// Counts a request of this user and, if that was let in, of their clinic.
    ///
    /// # Errors
    /// When one of them has had its share.
    pub(crate) async fn caller(
        &self,
        claims: &AccessClaims,
        headers: &mut HeaderMap,
    ) -> Result<(), Rejection> {
        let (clinic, user) = (claims.clinic.as_uuid().into_bytes(), claims.user.as_uuid().into_bytes());
        let mut both = [0; 32];
        both.iter_mut().zip(clinic.iter().chain(&user)).for_each(|(to, from)| *to = *from);
        self.user.admit(&both, headers).await?;
        self.clinic.admit(&clinic, headers).await
    }
}

/// After the layer that asks for a token: the user's share, and the clinic's.
pub(crate) async fn by_caller(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let mut headers = HeaderMap::new();
    let admitted = match request.extensions().get::<AccessClaims>() {
        Some(claims) => limits.caller(claims, &mut headers).await,
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
    let policy = app.policy.policy();
    let may_break = claims.roles.iter().any(|role| policy.breaks_glass(role));
    Some(if may_break && is_emergency(app, request, &claims) {
        Priority::Emergency
    } else if ["/api/v1/audit", "/logger", "/api-docs"].iter().any(|slow| path.starts_with(slow)) {
        Priority::Background
    } else if cares {
        Priority::Clinical
    } else {
        Priority::Normal
    })
}

/// An emergency is what asks for its purpose, what breaks the glass, and the chart of somebody for whom this user has broken it, as far as this
/// process has seen: another's is let in as care is.
fn is_emergency(app: &App, request: &Request, claims: &AccessClaims) -> bool {
    let path = request.uri().path();
    let asks = request.headers().get("x-purpose-of-use").is_some_and(|purpose| purpose == EMERGENCY_PURPOSE);
    let patient = ["/api/v1/patients/", "/patients/"].iter().find_map(|prefix| path.strip_prefix(prefix));
    let (id, rest) = patient.map_or(("", ""), |rest| rest.split_once('/').unwrap_or((rest, "")));
    let begins = rest == "break-glass" && request.method() == http::Method::POST;
    asks || begins
        || id.parse().is_ok_and(|patient| {
            crate::pages::is_page(path) && app.emergencies.is_known(&(claims.clinic, claims.user, patient))
        })
}

/// Whether it is a probe of health.
pub(super) fn is_probe(path: &str) -> bool {
    ["/health", "/livez", "/readyz"].iter().any(|probe| path.starts_with(probe))
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
