//! What the tests share, then the tests.

mod client;
mod log;
mod server;
mod site;

mod booking;
mod crash;
mod email;
mod import;
mod live;
mod outbox;
mod production;
mod reads;
mod secrets;
mod sessions;
mod settings;
mod shutdown;
mod spill;

use std::{
    hash::{BuildHasher, Hasher},
    time::{Duration, Instant},
};

/// How long anything may take before a test gives up. Nothing is slow on purpose; machines are.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// Whether the tests are to be as large as the promise.
pub(crate) fn deep() -> bool {
    std::env::var_os("HEALTHCARE_TEST_DEEP").is_some_and(|value| value == "1")
}

/// Asks until there is an answer, at most until the deadline.
pub(crate) fn poll<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "waited for {what} in vain");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A number below `end`, another each time.
pub(crate) fn random(end: u64) -> u64 {
    std::collections::hash_map::RandomState::new().build_hasher().finish() % end
}
