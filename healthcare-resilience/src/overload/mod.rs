//! Overload: adaptive concurrency, throttling, priority shedding, a dimmer for optional work, surge protection.
