//! Hedging: a second try when the first is slow, paid from the retry budget.
