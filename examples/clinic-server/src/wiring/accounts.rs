//! Users, sessions, tokens.

use super::StartError;
use healthcare_core::{Clock, Edge, Vault};
use healthcare_db::Database;
use healthcare_rbac::{
    SqlAccounts,
    login::{LoginParts, LoginService, SessionConfig},
    password::{HasherConfig, PasswordHasher},
    session::{RefreshKeys, SessionGuard, SessionStore},
    throttle::{Throttle, ThrottleConfig},
    token::{KeyRing, TokenConfig, TokenKey, TokenService},
    user::{EmailKey, UserStore},
};
use std::{sync::Arc, time::Duration};

/// How long this process believes that a sign-in lives before it looks again: one that was ended elsewhere is refused after that.
const SESSION_BELIEF: Duration = Duration::from_secs(5);

pub(super) struct Accounts {
    pub(super) login: LoginService,
    pub(super) tokens: TokenService,
    pub(super) guard: SessionGuard,
    pub(super) users: Arc<dyn UserStore>,
    pub(super) sessions: Arc<dyn SessionStore>,
}

/// Every secret comes from the vault, each for its own purpose, so that a restart and a second process know the same ones.
pub(super) fn wire(
    vault: &Vault,
    database: &Database,
    edge: &Edge,
    clock: &Arc<dyn Clock>,
) -> Result<Accounts, StartError> {
    let wrong = |error: Box<dyn std::error::Error + Send + Sync>| StartError::Wiring(error);
    let secret = |purpose| vault.secret(purpose).map_err(StartError::Keys);
    let accounts = Arc::new(SqlAccounts::new(database.clone(), Arc::clone(clock)));
    let users: Arc<dyn UserStore> = Arc::clone(&accounts) as _;
    let sessions: Arc<dyn SessionStore> = accounts;
    let guard = SessionGuard::new(Arc::clone(&sessions), Arc::clone(clock), SESSION_BELIEF);
    let key =
        TokenKey::hs256("house", secret("access-token")?.as_slice()).map_err(|error| wrong(error.into()))?;
    let ring = KeyRing::new([key]).map_err(|error| wrong(error.into()))?;
    let tokens =
        TokenService::new(TokenConfig::new("clinic-server", "clinic-server"), ring, Arc::clone(clock))
            .map_err(|error| wrong(error.into()))?;
    let login = LoginService::new(LoginParts {
        users: Arc::clone(&users),
        sessions: Arc::clone(&sessions),
        guard: guard.clone(),
        hasher: PasswordHasher::new(HasherConfig::default()).map_err(|error| wrong(error.into()))?,
        tokens: tokens.clone(),
        refresh_keys: RefreshKeys::new([secret("refresh-token")?.as_slice()])
            .map_err(|error| wrong(error.into()))?,
        email_key: email_key(vault)?,
        throttle: Throttle::new(ThrottleConfig::default(), Arc::clone(clock)),
        audit: Arc::new(edge.clone()),
        clock: Arc::clone(clock),
        config: SessionConfig::default(),
    });
    Ok(Accounts { login, tokens, guard, users, sessions })
}

/// The key of the sign-in index.
pub(crate) fn email_key(vault: &Vault) -> Result<EmailKey, StartError> {
    let secret = vault.secret("sign-in-address").map_err(StartError::Keys)?;
    EmailKey::new(secret.as_slice()).map_err(|error| StartError::Wiring(error.into()))
}
