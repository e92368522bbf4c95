//! The application: every part a handler may need, wired once.

use crate::{
    Caches, Emergencies, JobRepository, Jobs, Live, LogWatch,
    config::{Network, WebOrigin},
    http::Limits,
    pages::PageSessions,
    stores::Stores,
};
use healthcare_audit::AuditLog;
use healthcare_core::{Appointments, Clock, Edge, Gate, System, Vault};
use healthcare_messaging::EmailTransport;
use healthcare_rbac::{
    login::LoginService, policy::PolicyAuthorizer, session::SessionGuard, token::TokenService,
    user::UserStore,
};
use healthcare_resilience::{Health, Stage};
use std::{fmt, sync::Arc};

/// What the edge needs to know of the configuration.
#[derive(Debug, Clone, Default)]
pub struct EdgeSettings {
    /// Whether browsers speak HTTPS to this server or to the proxy before it.
    pub https: bool,
    /// Whether this is a demonstration.
    pub demo: bool,
    /// The proxies whose forwarding headers are believed.
    pub trusted_proxies: Vec<Network>,
    /// Whose scripts may call the API from a browser.
    pub allowed_origins: Vec<WebOrigin>,
}

/// The parts of a running server. Handlers share one behind an `Arc`.
pub struct App {
    /// Decides and records accesses.
    pub gate: Gate,
    /// The policy in force: what is worth offering to whom. The gate decides.
    pub policy: PolicyAuthorizer,
    /// Turns verified tokens into contexts.
    pub edge: Edge,
    /// Makes the contexts of the server's own jobs.
    pub system: System,
    /// Where records live.
    pub stores: Stores,
    /// What of them is remembered.
    pub caches: Caches,
    /// Emergency access to one patient.
    pub emergencies: Emergencies,
    /// Books appointments and moves them on.
    pub appointments: Appointments,
    /// What is to be done later.
    pub jobs: Jobs,
    /// Hands e-mail over.
    pub email: Arc<dyn EmailTransport>,
    /// What waits, runs and failed of it, for whoever may see that.
    pub queues: JobRepository,
    /// Signs people in and out.
    pub login: LoginService,
    /// Checks access tokens.
    pub tokens: TokenService,
    /// Checks that the sign-in behind a token still lives.
    pub sessions: SessionGuard,
    /// Who may sign in.
    pub users: Arc<dyn UserStore>,
    /// The audit log.
    pub audit: AuditLog,
    /// Verifies it.
    pub log_watch: Arc<LogWatch>,
    /// Every clinic's keys.
    pub keys: Arc<Vault>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Whether to send requests here.
    pub health: Health,
    /// Counts the requests in flight, and waits for them at the end.
    pub requests: Stage,
    /// How much is let in.
    pub limits: Limits,
    /// The connections held open.
    pub live: Live,
    /// The pages' cookies and form tokens.
    pub pages: PageSessions,
    /// What the edge needs to know.
    pub settings: EdgeSettings,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("settings", &self.settings).finish_non_exhaustive()
    }
}
