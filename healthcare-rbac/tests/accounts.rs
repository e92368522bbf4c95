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

/// One process: its own connections, guard and service; the same file and the same keys as every other.
#[cfg(feature = "sqlite")]
mod process {
    use super::{Arc, Database, SqlAccounts, SystemClock};
    use healthcare_core::Clock;
    use healthcare_rbac::{
        login::{Credentials, LoginParts, LoginService, MemoryAuthEvents, SessionConfig},
        password::{HashParams, HasherConfig, Password, PasswordHasher},
        session::{RefreshKeys, SessionEnded, SessionGuard},
        throttle::{Throttle, ThrottleConfig},
        token::{KeyRing, TokenConfig, TokenKey, TokenService},
        user::{EmailKey, Membership, NewUser, UserStore as _},
    };
    use std::time::{Duration, Instant};

    struct Process {
        database: Database,
        accounts: Arc<SqlAccounts>,
        tokens: TokenService,
        guard: SessionGuard,
        hasher: PasswordHasher,
        login: LoginService,
    }

    async fn start(url: &str) -> Process {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let database = Database::connect(url).await.unwrap();
        let accounts = Arc::new(SqlAccounts::new(database.clone(), clock.clone()));
        let guard = SessionGuard::new(accounts.clone(), clock.clone(), Duration::from_millis(50));
        let params = HashParams { memory_kib: 64, passes: 1, lanes: 1 };
        let hasher = PasswordHasher::new(HasherConfig { params, ..HasherConfig::default() }).unwrap();
        let ring = KeyRing::new([TokenKey::hs256("k1", &[7; 32]).unwrap()]).unwrap();
        let tokens = TokenService::new(TokenConfig::new("a", "b"), ring, clock.clone()).unwrap();
        let login = LoginService::new(LoginParts {
            users: accounts.clone(),
            sessions: accounts.clone(),
            guard: guard.clone(),
            hasher: hasher.clone(),
            tokens: tokens.clone(),
            refresh_keys: RefreshKeys::new([[9_u8; 32].as_slice()]).unwrap(),
            email_key: EmailKey::new(&[3; 32]).unwrap(),
            throttle: Throttle::new(ThrottleConfig::default(), clock.clone()),
            audit: Arc::new(MemoryAuthEvents::default()),
            clock,
            config: SessionConfig::default(),
        });
        Process { database, accounts, tokens, guard, hasher, login }
    }

    #[tokio::test]
    async fn a_signed_out_token_is_refused_in_the_other_process_and_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("accounts.db").display());
        let (one, other) = (start(&url).await, start(&url).await);
        let (user, clinic) = (healthcare_core::UserId::random(), healthcare_core::ClinicId::random());
        let password = Password::new("a long walk by the river").unwrap();
        let email = EmailKey::new(&[3; 32]).unwrap().index("ada@one.example");
        let hash = Some(one.hasher.hash(&password).await.unwrap());
        one.accounts.add(&NewUser { id: user, email, password: hash }).await.unwrap();
        let membership = Membership { clinic, roles: Arc::from(["NURSE".parse().unwrap()]), profile: None };
        one.accounts.set_membership(user, &membership).await.unwrap();
        let typed = Credentials { email: "ada@one.example".into(), password, clinic: None, source: None };
        let signed_in = one.login.sign_in(&typed).await.unwrap();
        let claims = one.tokens.verify(&signed_in.access.text).unwrap();
        other.guard.check(&other.tokens.verify(&signed_in.access.text).unwrap()).await.unwrap();
        one.login.sign_out(&claims, None).await.unwrap();
        assert!(matches!(one.guard.check(&claims).await, Err(SessionEnded::Ended)), "at once");
        let deadline = Instant::now() + Duration::from_secs(10);
        while other.guard.check(&claims).await.is_ok() {
            assert!(Instant::now() < deadline, "the other process never heard");
            tokio::task::yield_now().await;
        }
        one.database.close().await;
        other.database.close().await;
        let restarted = start(&url).await;
        assert!(matches!(restarted.guard.check(&claims).await, Err(SessionEnded::Ended)), "after a restart");
        assert!(restarted.login.refresh(signed_in.refresh.as_str(), None).await.is_err());
        restarted.database.close().await;
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
