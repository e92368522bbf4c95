//! Problems: every way in which a request can end other than well.

use axum::response::{IntoResponse, Response};
use healthcare_core::{AccessError, ErrorCode, FieldProblem, Refused};
use healthcare_rbac::{
    login::LoginError,
    session::{SessionEnded, StoreError},
    token::TokenRefused,
};
use healthcare_resilience::Rejection;
use http::StatusCode;
use std::{borrow::Cow, time::Duration};

/// Why a request was not answered as hoped: a code of the catalogue, and what to do about it. It carries no personal data.
///
/// As a response it is empty but for itself: the outermost layer writes it as JSON or as a page, with the request's id.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The code.
    pub code: ErrorCode,
    /// A more exact message than the catalogue's.
    pub message: Option<Cow<'static, str>>,
    /// What is wrong with which field.
    pub details: Vec<FieldProblem>,
    /// When to try again.
    pub retry_after: Option<Duration>,
    /// The limit or circuit that did not let it in.
    pub refused: Option<Rejection>,
}

impl Problem {
    /// The problem of this code.
    #[must_use]
    pub const fn of(code: ErrorCode) -> Self {
        Self { code, message: None, details: Vec::new(), retry_after: None, refused: None }
    }

    /// The problem of a request that a limit or a circuit did not let in.
    #[must_use]
    pub const fn refused(code: ErrorCode, refused: Rejection) -> Self {
        let mut problem = Self::of(code);
        problem.refused = Some(refused);
        problem
    }

    /// With a more exact message.
    #[must_use]
    pub fn saying(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// One field that is not valid.
    #[must_use]
    pub fn field(field: &'static str, problem: impl Into<Cow<'static, str>>) -> Self {
        let details = vec![FieldProblem { field: Cow::Borrowed(field), problem: problem.into() }];
        Self { details, ..Self::of(ErrorCode::ValidationFailed) }
    }

    /// As this code where it says no more than that something is missing: so that a patient that is missing is called a patient.
    #[must_use]
    pub fn missing_is(mut self, code: ErrorCode) -> Self {
        if self.code == ErrorCode::NotFound {
            self.code = code;
        }
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        let code = error.code();
        if code.status() >= 500 {
            // The errors of the crates name what failed and never a value; one level of cause is enough to find it.
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%code, %error, cause, "an access failed");
        }
        let problem = Self::of(code);
        match error {
            AccessError::Refused(refusal) => problem.saying(refusal.to_string()),
            AccessError::HiddenField(field) => {
                problem.saying(format!("{field} is hidden from your role and cannot be set."))
            }
            AccessError::Claimed(resource) => {
                problem.saying(format!("The time is taken for this {}: choose another.", resource.kind))
            }
            _ => problem,
        }
    }
}

impl From<LoginError> for Problem {
    fn from(error: LoginError) -> Self {
        if error.code().status() >= 500 {
            tracing::error!(code = %error.code(), %error, "a sign-in failed");
        }
        Self { retry_after: error.retry_after(), ..Self::of(error.code()) }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(code = %error.code(), %error, "users or sessions could not be read");
        Self::of(error.code())
    }
}

impl From<TokenRefused> for Problem {
    fn from(refused: TokenRefused) -> Self {
        tracing::debug!(%refused, "a token was refused");
        Self::of(refused.code())
    }
}

impl From<SessionEnded> for Problem {
    fn from(ended: SessionEnded) -> Self {
        Self::of(ended.code())
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        Self::of(refused.code()).saying(refused.to_string())
    }
}

/// Checks the fields of a request, all of them, before anything is done.
#[derive(Debug, Default)]
pub struct Fields(Vec<FieldProblem>);

impl Fields {
    /// Notes that a field is wrong.
    pub fn wrong(&mut self, field: &'static str, problem: impl Into<Cow<'static, str>>) {
        self.0.push(FieldProblem { field: Cow::Borrowed(field), problem: problem.into() });
    }

    /// Notes a parameter that there is not, and those that there are. Of a name only the beginning is repeated, and of many the first eight.
    pub fn unknown(&mut self, name: &str, described: &[&str]) {
        if self.0.len() < 8 {
            let field = Cow::Owned(name.chars().take(64).collect());
            let problem = match described {
                [] => "there is no such parameter: this route takes none".into(),
                names => format!("there is no such parameter: send {}", names.join(", ")).into(),
            };
            self.0.push(FieldProblem { field, problem });
        }
    }

    /// The value, or a note of what is wrong with it.
    pub fn take<T, E: std::fmt::Display>(&mut self, field: &'static str, value: Result<T, E>) -> Option<T> {
        value.map_err(|error| self.wrong(field, error.to_string())).ok()
    }

    /// A text's value; the error's words say what would be right, and do not repeat the text.
    pub fn parse<T>(&mut self, field: &'static str, text: &str) -> Option<T>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
    {
        self.take(field, text.parse())
    }

    /// A text of so many characters, without white space around it or control characters in it.
    pub fn text(&mut self, field: &'static str, text: &str, least: usize, most: usize) -> Option<String> {
        let text = text.trim();
        let length = text.chars().count();
        if (least..=most).contains(&length) && !text.chars().any(char::is_control) {
            return Some(text.to_owned());
        }
        self.wrong(field, format!("write {least} to {most} characters, without control characters"));
        None
    }

    /// What was checked, when nothing was wrong.
    ///
    /// # Errors
    /// A [`Problem`] that names every wrong field.
    pub fn finish<T>(self, checked: Option<T>) -> Result<T, Problem> {
        match checked {
            Some(checked) if self.0.is_empty() => Ok(checked),
            _ => Err(Problem { details: self.0, ..Problem::of(ErrorCode::ValidationFailed) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On every route alike: what a caller may not write is their doing, and what a repository should not have answered is ours.
    #[test]
    fn what_the_caller_may_not_write_is_no_fault_of_the_server() {
        let status = |error: AccessError| Problem::from(error).code.status();
        assert_eq!(status(AccessError::OutsideTerms), 403);
        assert_eq!(status(AccessError::HiddenField("note")), 403);
        assert_eq!(status(AccessError::OutsideGrant), 500);
    }
}
