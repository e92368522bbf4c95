//! Users and sessions in both databases, by the contract.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![cfg(all(feature = "testing", any(feature = "sqlite", feature = "postgres")))]

use healthcare_core::SystemClock;
use healthcare_db::Database;
use healthcare_rbac::{SqlAccounts, testing};
use std::sync::Arc;

fn accounts(database: Database) -> SqlAccounts {
    SqlAccounts::new(database, Arc::new(SystemClock::default()))
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use super::{Database, accounts, testing};

    #[tokio::test]
    async fn keeps_the_contract_of_users() {
        testing::user_store(&accounts(Database::connect("sqlite::memory:").await.unwrap())).await;
    }

    #[tokio::test]
    async fn keeps_the_contract_of_sessions() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("accounts.db").display());
        let database = Database::connect(&url).await.unwrap();
        testing::session_store(&accounts(database.clone())).await;
        database.close().await;
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use super::{Database, accounts, testing};
    use healthcare_db::{Login, Logins, migrate};
    use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, postgres::PgConnectOptions};

    /// A database of its own, and an application login to it.
    async fn fresh() -> Database {
        let url = std::env::var("HEALTHCARE_TEST_POSTGRES_URL").expect("set HEALTHCARE_TEST_POSTGRES_URL");
        let name = format!("rbac_{}", uuid::Uuid::now_v7().simple());
        let owner: PgConnectOptions = url.parse().unwrap();
        let mut conn = owner.clone().connect().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
        let password = "a password for one test";
        let login =
            |kind: &str| Login::new(format!("{kind}_{}", &name[5..]), password.replace(' ', "-")).unwrap();
        let application = login("app");
        let logins = Logins { application, relay: login("relay") };
        let (front, _) = url.rsplit_once('/').unwrap();
        migrate(&format!("{front}/{name}"), &logins).await.unwrap();
        let host = front.rsplit_once('@').unwrap().1;
        let user = format!("app_{}:{}", &name[5..], password.replace(' ', "-"));
        Database::connect(&format!("postgres://{user}@{host}/{name}")).await.unwrap()
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo xtask test"]
    async fn keeps_the_contract_of_users() {
        testing::user_store(&accounts(fresh().await)).await;
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo xtask test"]
    async fn keeps_the_contract_of_sessions() {
        testing::session_store(&accounts(fresh().await)).await;
    }
}
