//! Circuit breaker: stops calling what keeps failing, and finds out with few calls when it works again.
