//! Bulkhead: at most so many calls at once, and a bounded queue in order of arrival.
