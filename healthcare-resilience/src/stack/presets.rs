use super::Stack;
use crate::{Backoff, BoxError, Bulkhead, CircuitBreaker, Retry};
use std::time::Duration;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Numbers to begin with, and [`explain`](Self::explain) shows them. Each is complete; what needs other numbers is built
/// with [`builder`](Self::builder) from the same steps.
///
/// In all of them the breaker stands innermost but for the time-out, so that it sees every try and nothing of the wait
/// for a place.
impl Stack {
    /// For a database server behind a pool.
    ///
    /// | step | why |
    /// | --- | --- |
    /// | deadline 10 s | a request that has waited for longer has been given up by its user |
    /// | retry, 3 tries from 50 ms to 1 s | a deadlock or a failover passes; reads and writes with a key alone |
    /// | bulkhead 32, 64 wait up to 2 s | about two for each connection of a pool of 16: the queue is here, bounded, and not in the pool |
    /// | [`CircuitBreaker::database`] | |
    /// | time-out 3 s | above the breaker's 2 s for a slow call, so that both are seen |
    ///
    /// # Errors
    /// None with these numbers; the type says what a builder may refuse.
    pub fn for_database(name: &'static str) -> Result<Self, BoxError> {
        let backoff = Backoff::exponential(Duration::from_millis(50)).cap(secs(1));
        Ok(Self::builder(name)
            .deadline(secs(10))
            .retry(Retry::builder(name).max_tries(3).backoff(backoff).build()?)
            .bulkhead(Bulkhead::builder(name).max_calls(32).max_waiting(64).max_wait(secs(2)).build()?)
            .breaker(CircuitBreaker::database(name).build()?)
            .time_out(secs(3))
            .build()?)
    }

    /// For Redis as a cache or a session store.
    ///
    /// | step | why |
    /// | --- | --- |
    /// | deadline 500 ms | a cache that is slower than what it saves is no cache |
    /// | retry, 2 tries, 20 to 100 ms | a connection that was closed; not more, because the database behind it can answer too |
    /// | [`CircuitBreaker::redis`] | |
    /// | time-out 200 ms | twice what the breaker calls slow |
    ///
    /// No bulkhead: its commands share a few connections and do not wait for each other.
    ///
    /// # Errors
    /// None with these numbers.
    pub fn for_redis(name: &'static str) -> Result<Self, BoxError> {
        let backoff = Backoff::exponential(Duration::from_millis(20)).cap(Duration::from_millis(100));
        Ok(Self::builder(name)
            .deadline(Duration::from_millis(500))
            .retry(Retry::builder(name).max_tries(2).backoff(backoff).build()?)
            .breaker(CircuitBreaker::redis(name).build()?)
            .time_out(Duration::from_millis(200))
            .build()?)
    }

    /// For an HTTP service of somebody else.
    ///
    /// | step | why |
    /// | --- | --- |
    /// | deadline 30 s | three tries and their waits; a gateway in front gives up at 60 s |
    /// | retry, 3 tries from 200 ms to 5 s | honours `Retry-After`, with the classifier that is given |
    /// | bulkhead 20, 20 wait up to 5 s | one slow partner must not take every task |
    /// | [`CircuitBreaker::external_api`] | |
    /// | time-out 8 s | above the breaker's 5 s for a slow call |
    ///
    /// # Errors
    /// None with these numbers.
    pub fn for_external_api(name: &'static str) -> Result<Self, BoxError> {
        let backoff = Backoff::exponential(Duration::from_millis(200)).cap(secs(5));
        Ok(Self::builder(name)
            .deadline(secs(30))
            .retry(Retry::builder(name).max_tries(3).backoff(backoff).build()?)
            .bulkhead(Bulkhead::builder(name).max_calls(20).max_waiting(20).max_wait(secs(5)).build()?)
            .breaker(CircuitBreaker::external_api(name).build()?)
            .time_out(secs(8))
            .build()?)
    }

    /// For sending e-mail from a queue.
    ///
    /// | step | why |
    /// | --- | --- |
    /// | no retry | the queue tries again after minutes and hours, as RFC 5321 section 4.5.4.1 asks, and a second try at once sends twice |
    /// | bulkhead 4, nobody waits | servers limit connections of one sender, and the queue is outside |
    /// | [`CircuitBreaker::email`] | |
    /// | time-out 10 minutes | the end of data alone may take as long by RFC 5321 section 4.5.3.2 |
    ///
    /// # Errors
    /// None with these numbers.
    pub fn for_email(name: &'static str) -> Result<Self, BoxError> {
        Ok(Self::builder(name)
            .bulkhead(Bulkhead::builder(name).max_calls(4).build()?)
            .breaker(CircuitBreaker::email(name).build()?)
            .time_out(secs(600))
            .build()?)
    }

    /// For sending text messages through a provider.
    ///
    /// | step | why |
    /// | --- | --- |
    /// | deadline 90 s | a code that is later is of no use |
    /// | retry, 2 tries after 1 to 2 s | with a key alone: each message costs money, and none may come twice |
    /// | bulkhead 8, 32 wait up to 20 s | providers allow few at once; reminders come in batches |
    /// | [`CircuitBreaker::sms`] | |
    /// | time-out 30 s | as long as a call may take before the breaker takes it for failed |
    ///
    /// # Errors
    /// None with these numbers.
    pub fn for_sms(name: &'static str) -> Result<Self, BoxError> {
        let backoff = Backoff::exponential(secs(1)).cap(secs(2));
        Ok(Self::builder(name)
            .deadline(secs(90))
            .retry(Retry::builder(name).max_tries(2).backoff(backoff).build()?)
            .bulkhead(Bulkhead::builder(name).max_calls(8).max_waiting(32).max_wait(secs(20)).build()?)
            .breaker(CircuitBreaker::sms(name).build()?)
            .time_out(secs(30))
            .build()?)
    }
}
