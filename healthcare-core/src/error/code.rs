//! Codes.

/// The area of the system a code belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCategory {
    /// Sign-in, tokens, sessions.
    Authentication,
    /// Decisions.
    Authorization,
    /// Users.
    User,
    /// Clinics.
    Clinic,
    /// Patients and their charts.
    Patient,
    /// Appointments.
    Appointment,
    /// Check-in.
    CheckIn,
    /// Input.
    Validation,
    /// Storage.
    Database,
    /// Services elsewhere.
    External,
    /// Cache.
    Cache,
    /// Queues and events.
    Queue,
    /// Limits.
    RateLimit,
    /// Protection of health information.
    Hipaa,
    /// Everything else.
    System,
}

macro_rules! catalogue {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $status:literal, $category:ident, $message:literal;)*) => {
        /// A stable code: clients may depend on it for ever. The message says what to do and never carries personal data.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode { $($(#[$doc])* #[doc = concat!("`", $code, "`, HTTP ", stringify!($status), ".")] $variant),* }

        impl ErrorCode {
            /// Every code of the catalogue.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The written code.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }
            /// The HTTP status (RFC 9110).
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status),* }
            }
            /// The area it belongs to.
            #[must_use]
            pub const fn category(self) -> ErrorCategory {
                match self { $(Self::$variant => ErrorCategory::$category),* }
            }
            /// What to tell the caller when nothing more exact is known.
            #[must_use]
            pub const fn message(self) -> &'static str {
                match self { $(Self::$variant => $message),* }
            }
        }
    };
}

catalogue! {
    /// No token.
    Unauthenticated = "AUTH_REQUIRED", 401, Authentication, "Sign in first: send Authorization: Bearer <access token>.";
    /// A token that is forged, malformed or of the wrong kind.
    TokenInvalid = "AUTH_TOKEN_INVALID", 401, Authentication, "The token is not valid: sign in again.";
    /// A token past its life.
    TokenExpired = "AUTH_TOKEN_EXPIRED", 401, Authentication, "The token has expired: refresh it or sign in again.";
    /// A token whose sign-in has ended.
    SessionRevoked = "AUTH_SESSION_REVOKED", 401, Authentication, "This sign-in has ended: sign in again.";
    /// Unknown address or wrong password: one answer for both.
    CredentialsInvalid = "AUTH_CREDENTIALS_INVALID", 401, Authentication, "E-mail and password do not match.";
    /// Too many failed sign-ins.
    SignInThrottled = "AUTH_THROTTLED", 429, Authentication, "Too many attempts: wait for the time in Retry-After.";
    /// Every hashing slot is taken.
    SignInBusy = "AUTH_BUSY", 503, Authentication, "Too many sign-ins at once: try again shortly.";
    /// A password that breaks the rules.
    PasswordRejected = "AUTH_PASSWORD_REJECTED", 422, Authentication, "Choose a longer password that is not a common one.";
    /// A page's form without its token.
    CsrfInvalid = "AUTH_CSRF_INVALID", 403, Authentication, "The form has expired: load the page again.";
    /// The policy says no.
    AccessDenied = "ACCESS_DENIED", 403, Authorization, "Your role does not permit this.";
    /// The purpose is not one of the role's.
    PurposeDenied = "ACCESS_PURPOSE_DENIED", 403, Authorization, "Your role may not act for this purpose of use.";
    /// The user is not known.
    UserNotFound = "USER_NOT_FOUND", 404, User, "There is no such user.";
    /// The address is taken.
    UserExists = "USER_ALREADY_EXISTS", 409, User, "A user with this e-mail exists.";
    /// The user may not sign in.
    UserDisabled = "USER_DISABLED", 403, User, "This user has been disabled: ask the clinic's administrator.";
    /// The clinic is not known to the caller.
    ClinicNotFound = "CLINIC_NOT_FOUND", 404, Clinic, "There is no such clinic.";
    /// Request and token disagree on the clinic.
    ClinicMismatch = "CLINIC_MISMATCH", 403, Clinic, "The request names another clinic than the token.";
    /// The user does not belong to the clinic.
    ClinicAccessDenied = "CLINIC_ACCESS_DENIED", 403, Clinic, "You do not belong to this clinic.";
    /// The patient is not known to the caller.
    PatientNotFound = "PATIENT_NOT_FOUND", 404, Patient, "There is no such patient.";
    /// The appointment is not known to the caller.
    AppointmentNotFound = "APPOINTMENT_NOT_FOUND", 404, Appointment, "There is no such appointment.";
    /// The time is taken.
    AppointmentConflict = "APPOINTMENT_CONFLICT", 409, Appointment, "The time is taken: choose another.";
    /// The state machine says no.
    AppointmentTransition = "APPOINTMENT_INVALID_TRANSITION", 409, Appointment, "The appointment cannot make this step from its present status.";
    /// A plugin or a rule of the clinic refused.
    AppointmentRefused = "APPOINTMENT_REFUSED", 422, Appointment, "A rule of the clinic does not permit this appointment.";
    /// Outside working hours.
    AppointmentUnavailable = "APPOINTMENT_UNAVAILABLE", 422, Appointment, "The practitioner does not work at this time.";
    /// Not the time to check in.
    CheckInWindow = "CHECK_IN_OUTSIDE_WINDOW", 422, CheckIn, "Check-in is not open at this time.";
    /// Something in the request is wrong.
    ValidationFailed = "VALIDATION_FAILED", 422, Validation, "Something in the request is not valid: see details.";
    /// The body cannot be read at all.
    MalformedRequest = "REQUEST_MALFORMED", 400, Validation, "The request cannot be read: send JSON of the documented shape.";
    /// The body is too large.
    TooLarge = "REQUEST_TOO_LARGE", 413, Validation, "The request is too large.";
    /// The body does not arrive.
    BodyTimeout = "REQUEST_BODY_TIMEOUT", 408, Validation, "The body did not arrive in time: send it again.";
    /// The media type is not one of ours.
    UnsupportedMedia = "REQUEST_UNSUPPORTED_MEDIA_TYPE", 415, Validation, "Send Content-Type: application/json.";
    /// The local time does not exist, or exists twice.
    LocalTime = "VALIDATION_LOCAL_TIME", 422, Validation, "This local time does not exist or is ambiguous there: send an offset, or another time.";
    /// No such route or record.
    NotFound = "NOT_FOUND", 404, Validation, "There is no such thing here.";
    /// The route knows other methods.
    MethodNotAllowed = "METHOD_NOT_ALLOWED", 405, Validation, "This address does not answer to this method: see Allow.";
    /// Somebody changed the record in between.
    VersionConflict = "VERSION_CONFLICT", 409, Database, "The record has changed since it was read: read it again.";
    /// The record exists.
    AlreadyExists = "ALREADY_EXISTS", 409, Database, "This record exists already.";
    /// An idempotency key was used for another request.
    IdempotencyMismatch = "IDEMPOTENCY_KEY_REUSED", 422, Validation, "This Idempotency-Key was used for another request: use a new one.";
    /// Storage failed.
    StorageFailed = "DATABASE_ERROR", 500, Database, "The record could not be stored or read: try again.";
    /// Storage is away.
    StorageUnavailable = "DATABASE_UNAVAILABLE", 503, Database, "The database is not reachable: try again shortly.";
    /// It is not known whether the commit happened.
    CommitUnknown = "DATABASE_COMMIT_UNKNOWN", 503, Database, "It is not known whether this was stored: repeat with the same Idempotency-Key.";
    /// A service elsewhere failed.
    ExternalFailed = "EXTERNAL_SERVICE_ERROR", 502, External, "A service this depends on failed: try again.";
    /// The cache failed.
    CacheFailed = "CACHE_ERROR", 500, Cache, "The cache failed.";
    /// An event or job could not be queued.
    QueueFailed = "QUEUE_ERROR", 503, Queue, "The work could not be queued: try again.";
    /// Too many requests.
    RateLimited = "RATE_LIMIT_EXCEEDED", 429, RateLimit, "Too many requests: wait for the time in Retry-After.";
    /// Data was about to leave its boundary.
    HipaaViolation = "HIPAA_VIOLATION", 403, Hipaa, "This access breaks the rules for protected health information and was recorded.";
    /// Access to a patient's data that nothing permits.
    PhiDenied = "PHI_ACCESS_DENIED", 403, Hipaa, "Nothing permits you to see this patient's data.";
    /// Consent is missing or past.
    ConsentExpired = "CONSENT_EXPIRED", 403, Hipaa, "The patient's consent is missing or has expired.";
    /// Too many emergency accesses are open at once.
    BreakGlassLimit = "BREAK_GLASS_LIMIT", 429, Hipaa, "You have too many emergency accesses open: end one first.";
    /// An emergency access that cannot make this step.
    BreakGlassState = "BREAK_GLASS_STATE", 409, Hipaa, "This emergency access cannot make this step now.";
    /// Who reviews is who did it.
    BreakGlassOwn = "BREAK_GLASS_OWN_REVIEW", 403, Hipaa, "Somebody else must review this emergency access.";
    /// The record of the access could not be made durable, so there is no access.
    AuditUnavailable = "AUDIT_UNAVAILABLE", 503, Hipaa, "The access could not be recorded, so it was not given: try again.";
    /// Too many rows for one answer.
    TooManyRows = "TOO_MANY_ROWS", 422, Validation, "Too much for one answer: ask for fewer, or page by page.";
    /// The server is going down.
    ShuttingDown = "SHUTTING_DOWN", 503, System, "The server is shutting down: try again.";
    /// The server has more to do than it can.
    Overloaded = "OVERLOADED", 503, System, "There is more to do than can be done now: wait for the time in Retry-After.";
    /// The request took too long.
    Elapsed = "REQUEST_TIMEOUT", 503, System, "The request took too long and was ended: try again.";
    /// A fault of ours.
    Internal = "INTERNAL_ERROR", 500, System, "Something failed here: it has been logged under the correlation id.";
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::ErrorCode;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_and_well_formed() {
        let codes: HashSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes.len(), ErrorCode::ALL.len());
        for code in ErrorCode::ALL {
            assert!(code.as_str().bytes().all(|b| b.is_ascii_uppercase() || b == b'_'), "{code}");
            assert!((400..=599).contains(&code.status()), "{code}");
            assert!(code.message().ends_with('.'), "{code}");
        }
    }
}
