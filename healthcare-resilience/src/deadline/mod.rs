//! Deadlines that travel with a request through queues, tries and waits.
