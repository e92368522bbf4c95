//! What is only seen from inside: statements without their predicate, registries, plans.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod cancel;
mod claims;
mod isolation;
mod plan;
mod registry;
mod schema;
#[path = "../../tests/site/mod.rs"]
pub(crate) mod site;
mod trouble;
mod unchecked;
