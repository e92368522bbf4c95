use crate::{builder, connect, fresh};
use ::metrics::with_local_recorder;
use healthcare_resilience::{Clock, Quota, WhileAway, testing::RedisServer};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use std::time::Duration;

const PAUSE: Duration = Duration::from_secs(1);

#[test]
#[ignore = "needs Redis: cargo xtask test"]
fn what_is_decided_and_where_is_counted() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let work = async {
        let mut server = RedisServer::start();
        let (clock, _hand) = Clock::manual();
        let limit = builder(Quota::per_hour(1), connect(&server.url()).await).clock(clock);
        let limit = limit.consecutive(1).away_for(PAUSE).while_away(WhileAway::Open).build().unwrap();
        let key = fresh();
        limit.acquire(&key).await.unwrap();
        limit.acquire(&key).await.unwrap_err();
        server.kill();
        for _ in 0..3 {
            limit.acquire(&key).await.unwrap();
        }
    };
    with_local_recorder(&recorder, || runtime.block_on(work));
    let line = |(key, _, _, value): (metrics_util::CompositeKey, _, _, DebugValue)| {
        let key = key.key();
        let what = key.labels().nth(2).unwrap().value();
        assert!(key.labels().take(2).map(|label| label.value()).eq(["redis_rate_limit", "test"]));
        format!("{} {what} {value:?}", key.name())
    };
    let mut lines: Vec<_> = snapshotter.snapshot().into_vec().into_iter().map(line).collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            "resilience_events_total decided_here Counter(3)",
            "resilience_events_total went_away Counter(1)",
            "resilience_rejected_total rate_limited Counter(1)",
        ]
    );
}
