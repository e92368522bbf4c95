//! A panic beside a call, in the same task, drops the call while it unwinds. It is not the call's.

use crate::script::{Player, plain, play};
use futures_util::{FutureExt as _, future::join};
use healthcare_resilience::{AdmitPermit as _, BreakerLayer, BreakerState, CallError, Class};
use std::{
    convert::Infallible,
    future::{Future, Pending, pending},
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Poll},
};
use tower_layer::Layer as _;
use tower_service::Service;

fn half_open() -> Player {
    play(plain().count_window(10).min_calls(1), "trip +30s i =half_open")
}

/// Polls `call` once, lets its neighbour panic, and so drops it in the panic.
async fn dropped_in_a_panic(call: impl Future) {
    let beside = async {
        tokio::task::yield_now().await;
        panic!("beside")
    };
    let task = async move {
        let _ended: (_, Infallible) = join(call, beside).await;
    };
    assert!(AssertUnwindSafe(task).catch_unwind().await.is_err());
}

fn is_cancelled(player: &Player, how: &str) {
    let seen = player.breaker.snapshot();
    assert_eq!((seen.failed, seen.probes_out, seen.last_failure), (0, 0, None), "{how}");
    assert_eq!(player.breaker.state(), BreakerState::HalfOpen, "{how}");
}

#[tokio::test]
async fn a_panic_beside_a_call_only_cancels_it() {
    let player = half_open();
    dropped_in_a_panic(player.breaker.call(pending::<Result<u8, std::io::Error>>())).await;
    is_cancelled(&player, "a call");

    dropped_in_a_panic(player.breaker.around(pending::<Result<u8, CallError<std::io::Error>>>())).await;
    is_cancelled(&player, "around a policy");

    dropped_in_a_panic(BreakerLayer::new(player.breaker.clone()).layer(Never).call(())).await;
    is_cancelled(&player, "a service");
}

/// A permit cannot know whose panic it is that drops it, unless the panic is watched.
#[test]
fn a_permit_in_hand_is_cancelled_by_a_panic_that_it_does_not_watch() {
    let player = half_open();
    let panicking = || {
        let _permit = player.breaker.try_acquire().unwrap();
        panic!("beside")
    };
    assert!(catch_unwind(AssertUnwindSafe(panicking)).is_err());
    is_cancelled(&player, "a permit");

    let watching = || {
        let mut permit = player.breaker.try_acquire().unwrap();
        assert_eq!(permit.watch(|| 7), 7);
        permit.watch(|| panic!("the call"))
    };
    assert!(catch_unwind(AssertUnwindSafe(watching)).is_err());
    let seen = player.breaker.snapshot();
    assert_eq!((seen.failed, seen.probes_out, seen.last_failure), (1, 0, Some(Class::Permanent)));
}

struct Never;

impl Service<()> for Never {
    type Response = ();
    type Error = std::io::Error;
    type Future = Pending<Result<(), std::io::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), std::io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        pending()
    }
}
