//! Retry: classification, backoff with jitter, and a budget so that retries cannot multiply an outage.
