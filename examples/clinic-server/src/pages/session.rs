//! Who looks at a page: cookies, and the tokens of forms.
//!
//! A browser holds two cookies, both `HttpOnly` and `SameSite=Strict`: the refresh token of its sign-in, and a random seed. Every form carries
//! a token that is a keyed hash of both, so a form from elsewhere, of another browser or of an earlier sign-in is refused.

use super::{
    Renewed, nav,
    view::{Frame, PersonBadge, Section},
};
use crate::{
    App,
    api::read_clinic,
    http::{Caller, Problem},
};
use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use healthcare_core::{Actor, ErrorCode, KeyError, SessionId, Vault};
use healthcare_rbac::login::SignedIn;
use http::{HeaderMap, HeaderValue, header, request::Parts};
use ring::{
    hmac,
    rand::{SecureRandom, SystemRandom},
};
use std::{fmt, sync::Arc};

/// Makes and checks the pages' cookies and form tokens.
pub struct PageSessions {
    key: hmac::Key,
    random: SystemRandom,
    https: bool,
}

impl fmt::Debug for PageSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageSessions").field("https", &self.https).finish_non_exhaustive()
    }
}

impl PageSessions {
    /// Under a key of the house. With HTTPS the cookies are bound to this very host.
    ///
    /// # Errors
    /// When the key cannot be derived.
    pub fn new(vault: &Vault, https: bool) -> Result<Self, KeyError> {
        let secret = vault.secret("page-forms")?;
        Ok(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret.as_slice()),
            random: SystemRandom::new(),
            https,
        })
    }

    const fn access_cookie(&self) -> &'static str {
        if self.https { "__Host-clinic" } else { "clinic" }
    }
    const fn refresh_cookie(&self) -> &'static str {
        if self.https { "__Host-clinic-refresh" } else { "clinic-refresh" }
    }
    const fn seed_cookie(&self) -> &'static str {
        if self.https { "__Host-clinic-seed" } else { "clinic-seed" }
    }

    fn cookie(&self, name: &str, value: &str, life: Option<u64>) -> Option<HeaderValue> {
        let secure = if self.https { "; Secure" } else { "" };
        let life = life.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
        HeaderValue::from_str(&format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{life}"))
            .ok()
    }

    /// The access token that a browser sends.
    pub(crate) fn access_token<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        cookie(headers, self.access_cookie())
    }

    /// The cookies of a sign-in.
    pub(super) fn signed_in(&self, signed_in: &SignedIn) -> Vec<HeaderValue> {
        let access = self.cookie(self.access_cookie(), &signed_in.access.text, None);
        let refresh = self.cookie(self.refresh_cookie(), signed_in.refresh.as_str(), None);
        access.into_iter().chain(refresh).collect()
    }

    /// Cookies that end those of a sign-in.
    pub(super) fn signed_out(&self) -> Vec<HeaderValue> {
        let names = [self.access_cookie(), self.refresh_cookie(), self.seed_cookie()];
        names.into_iter().filter_map(|name| self.cookie(name, "", Some(0))).collect()
    }

    /// The browser's seed, or a new one with its cookie.
    pub(super) fn seed(&self, headers: &HeaderMap) -> Result<(String, Option<HeaderValue>), Problem> {
        let known = cookie(headers, self.seed_cookie()).filter(|seed| seed.len() == 43);
        if let Some(seed) = known {
            return Ok((seed.to_owned(), None));
        }
        let mut bytes = [0; 32];
        self.random.fill(&mut bytes).map_err(|_| Problem::of(ErrorCode::Internal))?;
        let seed = URL_SAFE_NO_PAD.encode(bytes);
        let set = self.cookie(self.seed_cookie(), &seed, None);
        Ok((seed, set))
    }

    /// The token of this browser's forms under this sign-in.
    pub(super) fn form_token(&self, seed: &str, session: Option<SessionId>) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, &bound(seed, session)).as_ref())
    }

    /// Checks a form's token.
    pub(super) fn check_form(
        &self,
        headers: &HeaderMap,
        session: Option<SessionId>,
        token: &str,
    ) -> Result<(), Problem> {
        let invalid = || Problem::of(ErrorCode::CsrfInvalid);
        // Browsers say where a form comes from; one from elsewhere is refused whatever it carries.
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        if site.is_some_and(|site| site != b"same-origin") {
            return Err(invalid());
        }
        let seed = cookie(headers, self.seed_cookie()).ok_or_else(invalid)?;
        let tag = URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid())?;
        hmac::verify(&self.key, &bound(seed, session), &tag).map_err(|_| invalid())
    }
}

fn bound(seed: &str, session: Option<SessionId>) -> Vec<u8> {
    let session = session.map_or_else(String::new, |session| session.to_string());
    format!("form|{seed}|{session}").into_bytes()
}

fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    pairs
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// Sent by a page's script with what nobody pressed a button for.
const UNATTENDED: &str = "x-unattended";

/// Somebody signed in who looks at a page.
#[derive(Debug)]
pub(super) struct Visitor {
    /// Who calls, as the API knows them.
    pub(super) caller: Caller,
    /// The token of the forms on the page.
    pub(super) csrf: String,
    renewed: Renewed,
}

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let sessions = &app.pages;
        let access = cookie(&parts.headers, sessions.access_cookie()).unwrap_or_default().to_owned();
        let renewed = parts.extensions.get::<Renewed>().cloned().unwrap_or_default();
        let caller = match Caller::with_token(app, parts, &access).await {
            Ok(caller) => caller,
            // An access token lives for minutes, a visit longer: the refresh token carries it on.
            Err(problem) if problem.code.status() == 401 => {
                let refresh = cookie(&parts.headers, sessions.refresh_cookie()).ok_or(problem)?;
                let address =
                    parts.extensions.get::<crate::http::ClientAddress>().copied().unwrap_or_default();
                // What a script asks by itself must not keep a sign-in alive that nobody uses.
                let signed_in = if parts.headers.contains_key(UNATTENDED) {
                    app.login.refresh_unattended(refresh, address.0).await?
                } else {
                    app.login.refresh(refresh, address.0).await?
                };
                renewed.keep(sessions.signed_in(&signed_in));
                Caller::with_token(app, parts, &signed_in.access.text).await?
            }
            Err(problem) => return Err(problem),
        };
        // What is left of a share is for programs; people are told when it is used up.
        app.limits
            .caller(&caller.claims, &mut HeaderMap::new())
            .await
            .map_err(|refused| Problem::refused(ErrorCode::RateLimited, refused))?;
        let (seed, set) = sessions.seed(&parts.headers)?;
        renewed.keep(set);
        let csrf = sessions.form_token(&seed, Some(caller.claims.session));
        Ok(Self { caller, csrf, renewed })
    }
}

impl Visitor {
    /// What is around every page they see.
    pub(super) async fn frame(&self, app: &App, section: Section) -> Frame {
        let clinic = read_clinic(app, &self.caller.context)
            .await
            .map_or_else(|_| "Clinic".to_owned(), |c| c.name.clone());
        self.frame_of(app, section, clinic)
    }

    /// The same, where the clinic's name is known.
    pub(super) fn frame_of(&self, app: &App, section: Section, clinic: String) -> Frame {
        let roles: Vec<_> = self.caller.claims.roles.iter().map(ToString::to_string).collect();
        Frame {
            person: Some(PersonBadge { clinic, roles: role_name(&roles.join(", ")) }),
            links: nav::links(app, self.actor(), section),
            csrf: self.csrf.clone(),
            demo: app.settings.demo,
        }
    }

    /// Who they are to the policy.
    pub(super) fn actor(&self) -> &Actor {
        self.caller.context.actor()
    }

    /// Puts renewed cookies on an answer.
    pub(super) fn answer(self, response: impl IntoResponse) -> Response {
        self.renewed.put_on(response)
    }
}

/// A role's name, to read.
pub(super) fn role_name(role: &str) -> String {
    role.replace('_', " ")
}

/// An answer that sets cookies.
pub(super) fn with_cookies(response: impl IntoResponse, cookies: Vec<HeaderValue>) -> Response {
    let mut response = response.into_response();
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
