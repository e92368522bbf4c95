//! Rate limits: GCRA in process, by key, and over Redis.
