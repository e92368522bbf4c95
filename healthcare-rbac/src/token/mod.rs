//! Access tokens: JSON Web Tokens after RFC 9068, issued and checked strictly.

mod claims;
mod crypto;
mod header;
mod key;
mod service;

pub use claims::AccessClaims;
pub use crypto::RING;
pub use key::{InvalidKey, KeyRing, TokenKey, VerifyKey};
pub use service::{
    Access, InvalidTokenConfig, IssueError, IssuedToken, TokenConfig, TokenRefused, TokenService,
};
