//! Every setting of the server by its names.

use super::{DatabaseUrl, EligibilityUrl, RedisUrl, email};
use healthcare_core::Setting;

pub(super) const ENVIRONMENT: Setting = Setting::new("--environment", &["CLINIC_ENVIRONMENT"]);
pub(super) const DATABASE_URL: Setting =
    Setting::new("--database-url", &["CLINIC_DATABASE_URL", "DATABASE_URL"]).shown_as(DatabaseUrl::shown);
pub(super) const RELAY_URL: Setting =
    Setting::new("--relay-url", &["CLINIC_RELAY_URL"]).shown_as(DatabaseUrl::shown);
pub(super) const OWNER_URL: Setting =
    Setting::new("--owner-url", &["CLINIC_OWNER_URL"]).shown_as(DatabaseUrl::shown);
pub(super) const REDIS_URL: Setting =
    Setting::new("--redis-url", &["CLINIC_REDIS_URL", "REDIS_URL"]).shown_as(RedisUrl::shown);
pub(super) const SMTP_URL: Setting = Setting::new("--smtp-url", &["CLINIC_SMTP_URL"]).shown_as(email::shown);
pub(super) const MAIL_FROM: Setting = Setting::new("--mail-from", &["CLINIC_MAIL_FROM"]);
pub(super) const ELIGIBILITY_URL: Setting =
    Setting::new("--eligibility-url", &["CLINIC_ELIGIBILITY_URL"]).shown_as(EligibilityUrl::shown);
pub(super) const ELIGIBILITY_TOKEN: Setting =
    Setting::new("CLINIC_ELIGIBILITY_TOKEN", &["CLINIC_ELIGIBILITY_TOKEN"]).secret();
pub(super) const LISTEN: Setting = Setting::new("--listen", &["CLINIC_LISTEN"]);
pub(super) const OPS_LISTEN: Setting = Setting::new("--ops-listen", &["CLINIC_OPS_LISTEN"]);
pub(super) const OPS_TOKEN: Setting = Setting::new("CLINIC_OPS_TOKEN", &["CLINIC_OPS_TOKEN"]).secret();
pub(super) const DATA_DIR: Setting = Setting::new("--data-dir", &["CLINIC_DATA_DIR"]);
pub(super) const AUDIT_SPILL: Setting = Setting::new("--audit-spill", &["CLINIC_AUDIT_SPILL"]);
pub(super) const KEY_FILE: Setting = Setting::new("--key-file", &["CLINIC_KEY_FILE"]);
pub(super) const MASTER_KEY: Setting = Setting::new("CLINIC_MASTER_KEY", &["CLINIC_MASTER_KEY"]).secret();
pub(super) const TLS_CERT: Setting = Setting::new("--tls-cert", &["CLINIC_TLS_CERT"]);
pub(super) const TLS_KEY: Setting = Setting::new("--tls-key", &["CLINIC_TLS_KEY"]);
pub(super) const TRUSTED_PROXY: Setting = Setting::new("--trusted-proxy", &["CLINIC_TRUSTED_PROXY"]);
pub(super) const ALLOWED_ORIGIN: Setting = Setting::new("--allowed-origin", &["CLINIC_ALLOWED_ORIGIN"]);
pub(super) const RATE_ADDRESS: Setting = Setting::new("--rate-address", &["CLINIC_RATE_ADDRESS"]);
pub(super) const RATE_USER: Setting = Setting::new("--rate-user", &["CLINIC_RATE_USER"]);
pub(super) const RATE_CLINIC: Setting = Setting::new("--rate-clinic", &["CLINIC_RATE_CLINIC"]);
pub(super) const MAX_REQUESTS: Setting = Setting::new("--max-requests", &["CLINIC_MAX_REQUESTS"]);
pub(super) const LOG: Setting = Setting::new("--log", &["CLINIC_LOG"]);
pub(super) const LOG_FORMAT: Setting = Setting::new("--log-format", &["CLINIC_LOG_FORMAT"]);

/// What begins like our variables and is not among these is a mistake in writing.
pub(super) const ALL: [Setting; 26] = [
    ENVIRONMENT,
    DATABASE_URL,
    RELAY_URL,
    OWNER_URL,
    REDIS_URL,
    SMTP_URL,
    MAIL_FROM,
    ELIGIBILITY_URL,
    ELIGIBILITY_TOKEN,
    LISTEN,
    OPS_LISTEN,
    OPS_TOKEN,
    DATA_DIR,
    AUDIT_SPILL,
    KEY_FILE,
    MASTER_KEY,
    TLS_CERT,
    TLS_KEY,
    TRUSTED_PROXY,
    ALLOWED_ORIGIN,
    RATE_ADDRESS,
    RATE_USER,
    RATE_CLINIC,
    MAX_REQUESTS,
    LOG,
    LOG_FORMAT,
];
