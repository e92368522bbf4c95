//! What lies in a Redis while nobody shares it.

use crate::common::Client;
use crate::{PATIENTS, Pair, hits, ids, until};
use serde_json::json;

/// Others wrote without the Redis while nobody used it: what the first one finds there is older than the database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL and Redis: cargo xtask test"]
async fn what_lay_there_while_others_wrote_is_not_shown() {
    let pair = Pair::start().await;
    let [here, there] = pair.signed_in("receptionist").await;
    let path = format!("{PATIENTS}/{}", ids(&here, PATIENTS).await[0]);
    until("it is in the Redis", async || {
        pair.other.server.app.caches.node().purge_all().await;
        pair.until_both_hear().await;
        here.get(&path).await.expect(200);
        there.get(&path).await.expect(200);
        hits(&pair.other, "patient").1 > 0
    })
    .await;
    let Pair { redis, mut site, one, other } = pair;
    one.stop().await;
    other.stop().await;

    let shared = site.config.redis.take();
    let alone = site.start().await;
    let desk = Client { address: alone.address, ..here.clone() };
    let version = desk.get(&path).await.expect(200).json()["version"].clone();
    desk.patch(&path, &json!({"version": version, "given": "Later"})).await.expect(200);
    alone.stop().await;

    site.config.redis = shared;
    let first = site.start().await;
    let desk = Client { address: first.address, ..here };
    until("it hears", async || first.server.app.caches.node().is_hearing()).await;
    for _ in 0..3 {
        assert_eq!(desk.get(&path).await.expect(200).json()["given"], "Later");
    }
    first.stop().await;
    drop(redis);
}
