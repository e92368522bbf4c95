//! PostgreSQL: one pool under an application login.

use super::{DatabaseOptions, boot};
use crate::DbError;
use sqlx::{
    Connection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions, PgSslMode},
};
use std::{net::IpAddr, str::FromStr, time::Duration};

/// A connection that rested for longer is asked whether it lives before it is used.
const IDLE_PING: Duration = Duration::from_secs(15);

pub(crate) fn open_options(url: &str) -> Result<PgConnectOptions, DbError> {
    let options = PgConnectOptions::from_str(url).map_err(|_| {
        DbError::Configuration("a PostgreSQL URL is postgres://login:password@host:port/database".into())
    })?;
    verified_off_loopback(options, url.contains("sslmode=") || url.contains("ssl-mode="))
}

/// Nothing crosses a machine boundary in plain text, or to whoever answers: the certificate and the name in it are checked.
fn verified_off_loopback(options: PgConnectOptions, chosen: bool) -> Result<PgConnectOptions, DbError> {
    let host = options.get_host();
    let local = options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if local || matches!(options.get_ssl_mode(), PgSslMode::VerifyFull) {
        Ok(options)
    } else if chosen {
        Err(DbError::Configuration("a PostgreSQL server on another machine needs sslmode=verify-full".into()))
    } else {
        Ok(options.ssl_mode(PgSslMode::VerifyFull))
    }
}

pub(super) async fn open(options: &DatabaseOptions, url: &str) -> Result<PgPool, DbError> {
    let connect = open_options(url)?.application_name("healthcare-db");
    let pool = PgPoolOptions::new()
        .max_connections(options.max_connections)
        .acquire_timeout(options.acquire_limit)
        .test_before_acquire(false)
        .before_acquire(|conn, meta| {
            Box::pin(async move {
                if meta.idle_for < IDLE_PING {
                    return Ok(true);
                }
                Ok(tokio::time::timeout(Duration::from_secs(2), conn.ping())
                    .await
                    .is_ok_and(|answer| answer.is_ok()))
            })
        })
        .connect_with(connect)
        .await?;
    boot::check(&pool).await?;
    Ok(pool)
}

pub(super) async fn from_pool(pool: PgPool) -> Result<PgPool, DbError> {
    let options = pool.connect_options();
    // What the pool does already cannot be changed: whatever is not verified is refused.
    verified_off_loopback((*options).clone(), true)?;
    boot::check(&pool).await?;
    Ok(pool)
}
