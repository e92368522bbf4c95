use super::{BreakerBuilder, CircuitBreaker};
use std::time::Duration;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Numbers to begin with. Each is a [`BreakerBuilder`]: what is known better is said over it, and
/// [`metrics_only`](CircuitBreaker::metrics_only) shows in production whether it fits.
impl CircuitBreaker {
    /// For a database server behind a pool.
    ///
    /// | setting | value | why |
    /// | --- | --- | --- |
    /// | window | 10 seconds, 20 calls or more | calls come often; a failover is seen within seconds, and what lies a minute back says nothing of the new primary |
    /// | failures | 0.5 | a few deadlocks and serialization failures are normal; half of all calls failing is not |
    /// | slow | 2 seconds, 0.8 | a lock queue or an exhausted pool shows as slowness first; four of five, since reports are slow by nature |
    /// | open | 5 seconds, doubling to 1 minute | a failover takes 5 to 30 seconds, and nothing works without the database, so ask again soon |
    /// | probes | 3, leased for 30 seconds | enough not to be fooled by one pooled connection that still works |
    pub fn database(name: &'static str) -> BreakerBuilder {
        BreakerBuilder::new(name)
            .time_window(secs(10))
            .min_calls(20)
            .failure_rate(0.5)
            .slow_calls(secs(2), 0.8)
            .open_for(secs(5))
            .open_growth(2.0, secs(60))
            .open_jitter(0.2)
            .probes(3)
            .lease(secs(30))
    }

    /// For Redis as a cache, a session store or a limiter: near, fast, and to be done without for a while.
    ///
    /// | setting | value | why |
    /// | --- | --- | --- |
    /// | window | 5 seconds, 50 calls or more | thousands of calls a second: it knows soon |
    /// | failures | 0.5 | it answers or it does not; a lower rate would open on a single lost connection of a pool |
    /// | slow | 100 milliseconds, 0.5 | a cache that is slower than the database behind it does harm |
    /// | open | 1 second, doubling to 15 seconds | a restart takes a second, and while it is away the database carries its load |
    /// | probes | 5, leased for 5 seconds | they are cheap, and a cold cache should show that it keeps up |
    pub fn redis(name: &'static str) -> BreakerBuilder {
        BreakerBuilder::new(name)
            .time_window(secs(5))
            .min_calls(50)
            .failure_rate(0.5)
            .slow_calls(Duration::from_millis(100), 0.5)
            .open_for(secs(1))
            .open_growth(2.0, secs(15))
            .open_jitter(0.2)
            .probes(5)
            .lease(secs(5))
    }

    /// For an HTTP service of somebody else: a laboratory, an insurer, a registry.
    ///
    /// | setting | value | why |
    /// | --- | --- | --- |
    /// | window | 60 seconds, 10 calls or more | calls come seldom; a shorter window would never hold enough of them |
    /// | failures | 0.5 | somebody else's service fails now and then; say with a classifier that 4xx is [`Ignored`](crate::Class::Ignored) |
    /// | slow | 5 seconds, 0.6 | every slow call holds a request of ours, so slowness is as bad as failure |
    /// | open | 30 seconds, doubling to 5 minutes | their incidents last minutes, and asking all the time makes us the reason they limit us |
    /// | probes | 2, leased for 1 minute | a probe is a real request of a real user, who waits |
    pub fn external_api(name: &'static str) -> BreakerBuilder {
        BreakerBuilder::new(name)
            .time_window(secs(60))
            .min_calls(10)
            .failure_rate(0.5)
            .slow_calls(secs(5), 0.6)
            .open_for(secs(30))
            .open_growth(2.0, secs(300))
            .open_jitter(0.25)
            .probes(2)
            .lease(secs(60))
    }

    /// For sending e-mail from a queue.
    ///
    /// | setting | value | why |
    /// | --- | --- | --- |
    /// | run | 5 failures in a row | mails are few, so a rate would rest on too little; a refused recipient is [`Ignored`](crate::Class::Ignored) and does not end or begin a run |
    /// | slow | not watched | nobody waits, and servers delay on purpose (greylisting, tarpits) |
    /// | open | 1 minute, doubling to 15 minutes | RFC 5321 section 4.5.4.1 asks for long waits between tries, and the queue keeps |
    /// | probes | 1, leased for 10 minutes | the end of data alone may take ten minutes by RFC 5321 section 4.5.3.2, and a mail that is given up too early is sent twice |
    pub fn email(name: &'static str) -> BreakerBuilder {
        BreakerBuilder::new(name)
            .consecutive(5)
            .open_for(secs(60))
            .open_growth(2.0, secs(900))
            .open_jitter(0.25)
            .probes(1)
            .lease(secs(600))
    }

    /// For sending text messages through a provider.
    ///
    /// | setting | value | why |
    /// | --- | --- | --- |
    /// | run | 3 failures in a row | each message costs money, and one whose answer was lost may have been sent: stop early |
    /// | slow | 30 seconds or more is a failure | a code that comes after half a minute has been asked for again already |
    /// | open | 30 seconds, doubling to 10 minutes | reminders can wait, codes cannot: try soon, then less |
    /// | probes | 1, leased for 2 minutes | every probe is somebody's message |
    pub fn sms(name: &'static str) -> BreakerBuilder {
        BreakerBuilder::new(name)
            .consecutive(3)
            .slow_as_failure(secs(30))
            .open_for(secs(30))
            .open_growth(2.0, secs(600))
            .open_jitter(0.25)
            .probes(1)
            .lease(secs(120))
    }
}
