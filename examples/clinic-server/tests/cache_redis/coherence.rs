//! What one server writes is never old on it, and on the other within the bound; who may see a chart is never old anywhere.

use crate::{PATIENTS, Pair, common::Client, hits, ids, until};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL and Redis: cargo xtask test"]
async fn what_one_server_writes_the_other_forgets() {
    let pair = Pair::start().await;
    let [here, there] = pair.signed_in("receptionist").await;
    let path = format!("{PATIENTS}/{}", ids(&here, PATIENTS).await[0]);
    // What one server has read the other finds in the Redis.
    let known = here.get(&path).await.expect(200).json();
    until("it is in the Redis", async || {
        assert_eq!(there.get(&path).await.expect(200).json(), known);
        pair.other.server.app.caches.node().purge_all().await;
        pair.until_both_hear().await;
        here.get(&path).await.expect(200);
        hits(&pair.other, "patient").1 > 0
    })
    .await;
    let metrics = Client::new(pair.other.ops.unwrap()).get("/metrics").await.expect(200).body;
    assert!(metrics.contains("cache_shared_hit_ratio{cache=\"patient\"} "), "{metrics}");
    for round in 0..20 {
        let (writer, reader) = if round % 2 == 0 { (&here, &there) } else { (&there, &here) };
        let known = reader.get(&path).await.expect(200).json();
        let given = format!("Ada of round {round}");
        writer.patch(&path, &json!({"version": known["version"], "given": given})).await.expect(200);
        assert_eq!(
            writer.get(&path).await.expect(200).json()["given"],
            given,
            "at once, where it was written"
        );
        until("the other has heard", async || reader.get(&path).await.expect(200).json()["given"] == given)
            .await;
    }
    // Both remember: the rounds above were not read from the database alone.
    for running in [&pair.one, &pair.other] {
        assert!(hits(running, "patient").0 > 0);
    }
    pair.stop().await;
}

/// The Redis answers nobody, so the other server is not told; for the bound it still trusts its memory. Not with this.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL and Redis: cargo xtask test"]
async fn who_treats_whom_is_asked_anew_where_the_redis_cannot_say() {
    let pair = Pair::start().await;
    let [_, doctor] = pair.signed_in("doctor").await;
    let [desk, _] = pair.signed_in("receptionist").await;
    let patient = &ids(&doctor, PATIENTS).await[0];
    let path = format!("{PATIENTS}/{patient}");
    until("it is remembered", async || {
        doctor.get(&path).await.expect(200);
        hits(&pair.other, "relation").0 > 0
    })
    .await;
    let version = desk.get(&path).await.expect(200).json()["version"].clone();
    let mut owner = sqlx::PgConnection::connect(&pair.owner_url()).await.unwrap();
    for table in ["appointment", "encounter"] {
        // Claims and charts hang on them: the patient becomes somebody else's.
        let sql = format!(
            "UPDATE main.{table} SET practitioner_id = gen_random_uuid() WHERE subject_id = '{patient}'"
        );
        owner.execute(AssertSqlSafe(sql)).await.unwrap();
    }
    pair.redis.stall();
    desk.patch(&path, &json!({"version": version, "given": "Ada"})).await.expect(200);
    assert_eq!(desk.get(&path).await.expect(200).json()["given"], "Ada");
    let answer = doctor.get(&path).await;
    assert_eq!(answer.status, 403, "{}", answer.body);
    until("operators are told that the others are not heard", async || {
        let told = pair.other.server.app.health.details().await;
        format!("{told:?}").contains("word: \"deaf\"")
    })
    .await;
    pair.redis.go_on();
    pair.stop().await;
}
