//! Sliding windows over outcomes, by count and by time: constant cost, bounded memory.
