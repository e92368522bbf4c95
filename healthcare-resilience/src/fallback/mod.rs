//! Fallback: what to answer when the call could not be.
