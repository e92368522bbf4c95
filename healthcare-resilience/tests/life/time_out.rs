use healthcare_resilience::{Elapsed, time_out};
use std::{
    error::Error as _,
    future::{pending, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep};

const LIMIT: Duration = Duration::from_secs(5);

/// Counts its drops.
struct Held(Arc<AtomicUsize>);
impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn work_that_is_in_time_gives_its_output() {
    let begun = Instant::now();
    assert_eq!(
        time_out(LIMIT, async {
            sleep(LIMIT / 2).await;
            7
        })
        .await,
        Ok(7)
    );
    assert_eq!(begun.elapsed(), LIMIT / 2);
}

#[tokio::test(start_paused = true)]
async fn work_that_is_late_is_dropped_before_the_error_is_seen() {
    let drops = Arc::new(AtomicUsize::new(0));
    let held = Held(drops.clone());
    let begun = Instant::now();
    let elapsed: Elapsed = time_out(LIMIT, async move {
        let _held = held;
        pending::<()>().await;
    })
    .await
    .unwrap_err();
    assert_eq!(drops.load(Ordering::SeqCst), 1);
    assert_eq!((elapsed.limit(), begun.elapsed()), (LIMIT, LIMIT));
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_zero_still_polls_once() {
    assert_eq!(time_out(Duration::ZERO, ready(1)).await, Ok(1));
    assert!(time_out(Duration::ZERO, pending::<()>()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn the_longest_limit_does_not_overflow() {
    assert_eq!(time_out(Duration::MAX, sleep(LIMIT)).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn the_shorter_of_two_limits_wins() {
    let outer_is_longer = time_out(LIMIT * 2, time_out(LIMIT, pending::<()>())).await;
    assert_eq!(outer_is_longer.unwrap().unwrap_err().limit(), LIMIT);
    let outer_is_shorter = time_out(LIMIT, time_out(LIMIT * 2, pending::<()>())).await;
    assert_eq!(outer_is_shorter.unwrap_err().limit(), LIMIT);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_wait_drops_the_work() {
    let drops = Arc::new(AtomicUsize::new(0));
    let held = Held(drops.clone());
    let waiting = tokio::spawn(time_out(LIMIT, async move {
        let _held = held;
        pending::<()>().await;
    }));
    tokio::task::yield_now().await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn the_error_names_the_limit_and_has_no_cause() {
    let elapsed = time_out(LIMIT, pending::<()>()).await.unwrap_err();
    assert!(elapsed.to_string().starts_with("not finished after 5s"), "{elapsed}");
    assert!(elapsed.source().is_none());
}
