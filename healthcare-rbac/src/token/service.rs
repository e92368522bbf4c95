//! Issuing and checking access tokens.

use super::{
    AccessClaims, KeyRing,
    claims::{Wire, from_fhir, to_fhir},
    header::{Compact, MAX_TOKEN, encode, object},
};
use healthcare_core::{ClinicId, Clock, ErrorCode, Profile, Role, SessionId, UserId};
use jiff::Timestamp;
use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use uuid::Uuid;

/// The `typ` of an access token (RFC 9068 §2.1). Anything else, a refresh token first of all, is refused.
const TYPE: &str = "at+jwt";

/// What tokens are issued and checked with.
#[derive(Debug, Clone)]
pub struct TokenConfig {
    /// The issuer (`iss`): the deployment's own address.
    pub issuer: String,
    /// The audience (`aud`): the service the token is for.
    pub audience: String,
    /// How long a token lives. Default: 10 minutes.
    pub life: Duration,
    /// How far two clocks may differ, in either direction. Default: 5 seconds; at most 60.
    pub leeway: Duration,
}

impl TokenConfig {
    /// Ten minutes of life, five seconds of leeway.
    #[must_use]
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            life: Duration::from_secs(600),
            leeway: Duration::from_secs(5),
        }
    }
}

/// A [`TokenConfig`] that is out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "tokens: issuer and audience of 1 to 200 characters, a life of 30 seconds to 1 hour, a leeway of at most 60 seconds"
)]
pub struct InvalidTokenConfig;

/// A token could not be issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// No key of the ring signs now.
    #[error("no token key is active now: add one that signs from the past, and is not retired")]
    NoKey,
    /// The claims do not fit a token.
    #[error("too many roles for one token, or a profile that is neither practitioner nor patient")]
    Claims,
}

/// Why a token is not accepted. The client learns only whether it expired; the rest is for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenRefused {
    /// Longer than 8 KiB.
    #[error("the token is too long")]
    TooLong,
    /// Not three strict base64url parts with JSON objects of the expected members and types.
    #[error("the token is malformed")]
    Malformed,
    /// The algorithm is unknown or not the key's.
    #[error("the token's algorithm is not its key's")]
    Algorithm,
    /// No key id, or none that is in use.
    #[error("the token's key is not in use")]
    Key,
    /// The signature is wrong.
    #[error("the token's signature is wrong")]
    Signature,
    /// Not an access token.
    #[error("the token is not an access token")]
    Type,
    /// Another issuer or audience.
    #[error("the token is from or for somebody else")]
    Party,
    /// Issued or valid only later, or with times that contradict each other.
    #[error("the token's times are not believable: check the clocks")]
    Times,
    /// Its life is over.
    #[error("the token has expired")]
    Expired,
}

impl TokenRefused {
    /// The code of the catalogue.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::Expired => ErrorCode::TokenExpired,
            _ => ErrorCode::TokenInvalid,
        }
    }
}

/// What an access token is issued for.
#[derive(Debug, Clone)]
pub struct Access {
    /// Who.
    pub user: UserId,
    /// In which clinic.
    pub clinic: ClinicId,
    /// With which roles.
    pub roles: Arc<[Role]>,
    /// In which sign-in.
    pub session: SessionId,
    /// As which practitioner or patient.
    pub profile: Option<Profile>,
    /// The user's epoch now.
    pub epoch: u64,
}

/// Issues and checks access tokens. Clones share the key ring.
///
/// ```
/// use healthcare_core::{ClinicId, ManualClock, SessionId, UserId};
/// use healthcare_rbac::token::{Access, KeyRing, TokenConfig, TokenKey, TokenService};
/// use std::sync::Arc;
///
/// let ring = KeyRing::new([TokenKey::hs256("2026-03", &[7; 32])?])?;
/// let clock = Arc::new(ManualClock::at("2026-03-01T09:00:00Z".parse()?));
/// let tokens = TokenService::new(TokenConfig::new("https://clinic.example", "clinic"), ring, clock)?;
/// let (user, clinic) = (UserId::random(), ClinicId::random());
/// let access = Access {
///     user, clinic, roles: Arc::from(["DOCTOR".parse()?]), session: SessionId::random(), profile: None, epoch: 0,
/// };
/// let token = tokens.issue(&access)?;
/// assert_eq!(tokens.verify(&token.text)?.user, user);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct TokenService(Arc<Inner>);

struct Inner {
    config: TokenConfig,
    keys: RwLock<Arc<KeyRing>>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for TokenService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenService").field("config", &self.0.config).finish_non_exhaustive()
    }
}

/// An issued token.
#[derive(Clone)]
pub struct IssuedToken {
    /// The compact form, for the `Authorization` header.
    pub text: String,
    /// When it ends.
    pub expires: Timestamp,
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedToken").field("expires", &self.expires).finish_non_exhaustive()
    }
}

impl TokenService {
    /// A service with these keys.
    ///
    /// # Errors
    /// [`InvalidTokenConfig`] when a name or a time is out of range.
    pub fn new(
        config: TokenConfig,
        keys: KeyRing,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, InvalidTokenConfig> {
        let named = |text: &str| (1..=200).contains(&text.len());
        let life = Duration::from_secs(30)..=Duration::from_secs(3600);
        let good = named(&config.issuer) && named(&config.audience) && life.contains(&config.life);
        if !good || config.leeway > Duration::from_secs(60) {
            return Err(InvalidTokenConfig);
        }
        Ok(Self(Arc::new(Inner { config, keys: RwLock::new(Arc::new(keys)), clock })))
    }

    /// How long a token lives.
    #[must_use]
    pub fn life(&self) -> Duration {
        self.0.config.life
    }

    /// Turns the ring: tokens issued from now on carry its newest key; those of keys it no longer holds end at once.
    pub fn replace_keys(&self, keys: KeyRing) {
        *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    fn keys(&self) -> Arc<KeyRing> {
        Arc::clone(&self.0.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Issues a token that lives from now on.
    ///
    /// # Errors
    /// [`IssueError`] without an active key, or when the claims do not fit.
    pub fn issue(&self, access: &Access) -> Result<IssuedToken, IssueError> {
        let now = self.0.clock.now();
        let issued = now.as_second();
        let life = i64::try_from(self.0.config.life.as_secs()).map_err(|_| IssueError::Claims)?;
        let profile = access.profile.as_ref().map(|p| to_fhir(p).ok_or(IssueError::Claims)).transpose()?;
        let wire = Wire {
            iss: Cow::Borrowed(&self.0.config.issuer),
            aud: Cow::Borrowed(&self.0.config.audience),
            sub: access.user,
            clinic: access.clinic,
            roles: Arc::clone(&access.roles),
            sid: access.session,
            fhir_user: profile.map(Cow::Owned),
            epoch: access.epoch,
            jti: Uuid::now_v7(),
            iat: issued,
            nbf: issued,
            exp: issued.saturating_add(life),
        };
        let expires = Timestamp::from_second(wire.exp).map_err(|_| IssueError::Claims)?;
        let ring = self.keys();
        let key = ring.newest(now).ok_or(IssueError::NoKey)?;
        let header = serde_json::json!({ "alg": format!("{:?}", key.verify().algorithm()), "kid": key.id(), "typ": TYPE });
        let claims = serde_json::to_vec(&wire).map_err(|_| IssueError::Claims)?;
        let mut text = format!("{}.{}", encode(header.to_string().as_bytes()), encode(&claims));
        let signature = key.sign(text.as_bytes()).ok_or(IssueError::NoKey)?;
        text.push('.');
        text.push_str(&encode(&signature));
        if text.len() > MAX_TOKEN { Err(IssueError::Claims) } else { Ok(IssuedToken { text, expires }) }
    }

    /// Checks a token: form, key, algorithm, signature, type, issuer, audience, times, in that order. The session behind
    /// it is not looked up here.
    ///
    /// # Errors
    /// [`TokenRefused`] at the first thing that is not exactly right.
    pub fn verify(&self, token: &str) -> Result<AccessClaims, TokenRefused> {
        let now = self.0.clock.now();
        let compact = Compact::read(token)?;
        let ring = self.keys();
        let header = compact.header()?;
        let key = header.kid.as_deref().and_then(|id| ring.known(id, now)).ok_or(TokenRefused::Key)?;
        key.verify().check(&compact)?;
        if header.typ.as_deref() != Some(TYPE) {
            return Err(TokenRefused::Type);
        }
        let wire: Wire<'_> = object(&compact.payload)?;
        if wire.iss != self.0.config.issuer || wire.aud != self.0.config.audience {
            return Err(TokenRefused::Party);
        }
        self.times(&wire, now)?;
        let profile = match wire.fhir_user.as_deref() {
            Some(text) => Some(from_fhir(text).ok_or(TokenRefused::Malformed)?),
            None => None,
        };
        Ok(AccessClaims {
            user: wire.sub,
            clinic: wire.clinic,
            roles: wire.roles,
            session: wire.sid,
            profile,
            epoch: wire.epoch,
            id: wire.jti,
            issued: Timestamp::from_second(wire.iat).map_err(|_| TokenRefused::Times)?,
            expires: Timestamp::from_second(wire.exp).map_err(|_| TokenRefused::Times)?,
        })
    }

    fn times(&self, wire: &Wire<'_>, now: Timestamp) -> Result<(), TokenRefused> {
        let whole = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let (leeway, life, now) = (whole(self.0.config.leeway), whole(self.0.config.life), now.as_second());
        // A token of ours never begins before it was issued nor lives longer than one life.
        let sane = wire.iat >= 0 && wire.nbf >= wire.iat && wire.exp > wire.nbf;
        if !sane || wire.exp.saturating_sub(wire.iat) > life {
            return Err(TokenRefused::Times);
        }
        if wire.iat > now.saturating_add(leeway) || wire.nbf > now.saturating_add(leeway) {
            return Err(TokenRefused::Times);
        }
        // RFC 7519 §4.1.4: on or after `exp` it is over.
        if now >= wire.exp.saturating_add(leeway) { Err(TokenRefused::Expired) } else { Ok(()) }
    }
}
