//! Connections that break, others that are in the way.

use super::site::Site;
use crate::{Database, DbError, Statement, clinic_sql, statement::Clinic};
use healthcare_core::{Value, testing::Stage};
use sqlx::{Connection, Executor, PgConnection};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use uuid::Uuid;

const INSERT: Statement<Clinic> = clinic_sql!(
    "INSERT INTO main.subject_key (clinic_id, subject_id, wrapped, created_at) VALUES ($1, $2, $3, $4)"
);
const UPDATE: Statement<Clinic> = clinic_sql!(
    "UPDATE main.subject_key SET created_at = created_at WHERE clinic_id = $1 AND subject_id = $2"
);
const COUNT: Statement<Clinic> = clinic_sql!("SELECT count(*) FROM subject_key WHERE clinic_id = $1");

fn row(id: u128) -> Vec<Value> {
    vec![Value::Uuid(Uuid::from_u128(id)), Value::Null, Value::Time("2026-03-02T12:00:00Z".parse().unwrap())]
}

/// Passes bytes on until it is told to stop passing answers back, which it does at the next COMMIT.
async fn proxy(to: String) -> (u16, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (cut, cutting) = watch::channel(false);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&to).await.unwrap();
            tokio::spawn(pass(client, server, cutting.clone()));
        }
    });
    (port, cut)
}

async fn pass(client: TcpStream, server: TcpStream, cutting: watch::Receiver<bool>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
    let mut silent = false;
    loop {
        tokio::select! {
            read = from_client.read(&mut up) => {
                let Ok(n @ 1..) = read else { return };
                silent |= *cutting.borrow() && up[..n].windows(6).any(|window| window == b"COMMIT");
                if to_server.write_all(&up[..n]).await.is_err() { return }
            }
            read = from_server.read(&mut down) => {
                let Ok(n @ 1..) = read else { return };
                // The server has answered, so it has committed; the client is told nothing and loses the connection.
                if silent || to_client.write_all(&down[..n]).await.is_err() { return }
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn a_commit_without_an_answer_is_unknown() {
    let site = Site::postgres().await;
    let (rest, database) = site.url.rsplit_once('/').unwrap();
    let (login, server) = rest.rsplit_once('@').unwrap();
    let (port, cut) = proxy(server.to_owned()).await;
    let through =
        Database::connect(&format!("{login}@127.0.0.1:{port}/{database}?sslmode=disable")).await.unwrap();
    let stage = Stage::default();
    let scope = stage.boundary.system.scope(stage.clinic);
    let mut transaction = through.write(scope).await.unwrap();
    transaction.execute(&INSERT, row(1)).await.unwrap();
    cut.send_replace(true);
    let unknown = transaction.commit().await;
    assert!(matches!(unknown, Err(DbError::CommitUnknown(_))), "{unknown:?}");
    cut.send_replace(false);
    // The next one has another connection, and finds that it had happened after all.
    let mut reading = through.read(scope).await.unwrap();
    assert_eq!(reading.fetch_all(&COUNT, vec![]).await.unwrap()[0].get::<i64>(0).unwrap(), 1);
    drop(reading);
    through.close().await;
    site.remove().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn a_connection_that_dies_is_replaced() {
    let site = Site::postgres().await;
    let database = site.open_with(1).await;
    let stage = Stage::default();
    let scope = stage.boundary.system.scope(stage.clinic);
    let mut transaction = database.write(scope).await.unwrap();
    transaction.execute(&INSERT, row(1)).await.unwrap();
    let mut owner = PgConnection::connect(&site.owner_url).await.unwrap();
    owner
        .execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
        .await
        .unwrap();
    let lost = transaction.execute(&INSERT, row(2)).await;
    assert!(matches!(lost, Err(DbError::Unavailable(_))), "{lost:?}");
    drop(transaction);
    let mut reading = database.read(scope).await.unwrap();
    assert_eq!(reading.fetch_all(&COUNT, vec![]).await.unwrap()[0].get::<i64>(0).unwrap(), 0);
    drop((reading, owner));
    database.close().await;
    site.remove().await;
}

/// Two transactions that wait for each other: one is told that another was in the way, which a commit runs again.
#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn a_deadlock_is_contention() {
    let site = Site::postgres().await;
    let database = site.open().await;
    let stage = Stage::default();
    let scope = stage.boundary.system.scope(stage.clinic);
    let mut setup = database.write(scope).await.unwrap();
    for id in [1, 2] {
        setup.execute(&INSERT, row(id)).await.unwrap();
    }
    setup.commit().await.unwrap();
    let (mut left, mut right) = (database.write(scope).await.unwrap(), database.write(scope).await.unwrap());
    let id = |id| vec![Value::Uuid(Uuid::from_u128(id))];
    left.execute(&UPDATE, id(1)).await.unwrap();
    right.execute(&UPDATE, id(2)).await.unwrap();
    let one = async {
        let result = left.execute(&UPDATE, id(2)).await;
        drop(left);
        result
    };
    let two = async {
        let result = right.execute(&UPDATE, id(1)).await;
        drop(right);
        result
    };
    let (one, two) = tokio::join!(one, two);
    let loser = one.err().or(two.err()).expect("one of them loses");
    assert!(loser.is_contention(), "{loser:?}");
    database.close().await;
    site.remove().await;
}

/// Writers of two processes take turns: nobody is told that the file is busy.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite_writers_take_turns() {
    let site = Site::sqlite();
    let stage = Stage::default();
    let scope = stage.boundary.system.scope(stage.clinic);
    let databases = [site.open().await, site.open().await];
    let tasks = (0..40_u128).map(|nth| {
        let database = databases[nth as usize % 2].clone();
        tokio::spawn(async move {
            let mut transaction = database.write(scope).await?;
            transaction.fetch_all(&COUNT, vec![]).await?;
            transaction.execute(&INSERT, row(nth)).await?;
            transaction.commit().await
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap().unwrap();
    }
    let mut reading = databases[0].read(scope).await.unwrap();
    assert_eq!(reading.fetch_all(&COUNT, vec![]).await.unwrap()[0].get::<i64>(0).unwrap(), 40);
}
