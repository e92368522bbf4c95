//! A connection with a runtime of its own.

use sqlx::{Connection as _, Executor as _, PgConnection, postgres::PgConnectOptions};
use std::{io, time::Duration};
use tokio::runtime::Runtime;

/// How long one piece of work, connecting included, may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Settings of every session: a commit counts only when it is on disk there, and nothing waits for ever.
const SETTINGS: &str = "SELECT set_config('statement_timeout', '15s', false), set_config('lock_timeout', '15s', false), \
     set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' \
     ELSE current_setting('synchronous_commit') END, false)";

/// A lazily made connection. It belongs to one thread at a time, and never to the host's runtime.
pub(super) struct Session {
    runtime: Runtime,
    options: PgConnectOptions,
    connection: Option<PgConnection>,
}

impl Session {
    pub(super) fn new(options: PgConnectOptions) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime, options, connection: None })
    }

    /// Runs work on the connection. After a failure the connection is given up, so that no half-done transaction is met again.
    ///
    /// Must not be called on a thread of an async runtime: see [`apart`].
    pub(super) fn run<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        let Self { runtime, options, connection } = self;
        let outcome = runtime.block_on(async {
            let work = async {
                let mut live = match connection.take() {
                    Some(live) => live,
                    None => connect(options).await?,
                };
                let outcome = work(&mut live).await;
                // Kept only after success: dropped, its transaction is rolled back by the server.
                if outcome.is_ok() {
                    *connection = Some(live);
                }
                outcome
            };
            tokio::time::timeout(PATIENCE, work).await
        });
        outcome.unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            // The server notices a connection that was not closed too; nothing depends on the answer.
            let _ = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, connection.close()).await });
        }
    }
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    connection.execute(SETTINGS).await?;
    Ok(connection)
}

/// Does blocking work on a thread without a runtime, where waiting for another runtime, and dropping it, is allowed.
pub(super) fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread =
            std::thread::Builder::new().name("audit-log-reader".to_owned()).spawn_scoped(scope, work)?;
        thread.join().map_err(|_| io::Error::other("the audit log's reader panicked"))
    })
}
