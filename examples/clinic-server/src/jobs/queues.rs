//! The queues, all in one place.

/// Each queue whose kinds have handlers, and how many of its jobs one worker runs at a time.
pub(crate) const QUEUES: [(&str, u32); 3] = [("notification", 100), ("email", 80), ("reminder", 40)];
