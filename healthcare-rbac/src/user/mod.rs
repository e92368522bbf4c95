//! Users as sign-in knows them: a keyed hash of their address, a password hash, a status, and their clinics.

mod email;
mod store;

pub use email::{EmailIndex, EmailKey, InvalidEmailKey};
pub use store::{
    MAX_MEMBERSHIPS, MAX_ROLES, Membership, NewUser, PasswordChange, User, UserStatus, UserStore,
};
