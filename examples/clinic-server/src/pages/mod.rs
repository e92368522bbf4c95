//! Server-rendered pages: sign-in, patients with their charts, the audit log.

pub mod view;
