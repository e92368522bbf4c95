//! Responses that say nothing about a person, kept for who may have them: a tower layer by RFC 9110 and RFC 9111.

mod body;
mod conditional;
mod directives;
mod free;
mod kept;
mod key;
mod layer;
mod load;
mod rules;
mod service;

pub use self::{
    body::ResponseCacheBody,
    free::{Cacheable, FreeOfPhi},
    kept::KeptResponse,
    key::{ResponseKey, Viewer},
    layer::{ResponseCacheBuilder, ResponseCacheError, ResponseCacheLayer},
    service::{ResponseCache, ResponseCacheFuture},
};
