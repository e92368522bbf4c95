//! What operators may see and do: statistics, look-ups without values, purges; guarded, and each act recorded.

mod audit;
mod build;
mod caches;
mod json;
mod router;

pub use self::{
    audit::{AdminAct, AdminAudit, AdminEvent, Operator},
    build::{CacheAdmin, CacheAdminBuilder, CacheAdminError},
};
