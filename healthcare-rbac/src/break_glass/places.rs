//! How many one user may have open is decided where they are stored.

use super::BreakGlasses;
use async_trait::async_trait;
use healthcare_core::{
    AccessError, Claim, Claims, Guard, Interval, Refusal, Resource, TransactionView, UserId, break_glass,
};
use jiff::{SignedDuration, Timestamp};
use std::borrow::Cow;
use uuid::Uuid;

/// The kind of the claim that two beginnings of one user wait for each other by.
const TURN: &str = "break-glass";

/// Places for a user's open accesses, of which each is claimed for the time of one: no two overlap, whatever runs at the same moment. A store that
/// holds this many gives no more.
const PLACES: [&str; BreakGlasses::OPEN_MAX as usize] = [
    "break-glass-1",
    "break-glass-2",
    "break-glass-3",
    "break-glass-4",
    "break-glass-5",
    "break-glass-6",
    "break-glass-7",
    "break-glass-8",
];

/// Claims one of its user's places for an access that begins.
pub(super) struct Place {
    user: UserId,
    time: Interval,
}

impl Place {
    /// For this one.
    pub(super) fn of(glass: &break_glass::Plain) -> Result<Self, AccessError> {
        let time = Interval::new(glass.starts, glass.ends).map_err(AccessError::storage)?;
        Ok(Self { user: glass.user_id, time })
    }

    /// Has the commit wait for those of the same user. Nobody else claims the same instant, which says nothing: it is drawn by the id.
    pub(super) fn in_turn(user: UserId, id: Uuid) -> Result<Claims, AccessError> {
        let [.., a, b, c, d, e] = id.into_bytes();
        let drawn = i64::from_be_bytes([0, 0, 0, a, b, c, d, e]);
        let starts = Timestamp::from_microsecond(drawn).map_err(AccessError::storage)?;
        let ends = starts.checked_add(SignedDuration::from_micros(1)).map_err(AccessError::storage)?;
        let interval = Interval::new(starts, ends).map_err(AccessError::storage)?;
        Ok(Claims { release: false, place: vec![Claim { resource: resource(TURN, user), interval }] })
    }

    /// Whether this is what a commit without a free place ends with.
    pub(super) fn is_missing(error: &AccessError) -> bool {
        matches!(error, AccessError::Refused(refusal) if refusal.by == TURN)
    }
}

fn resource(kind: &'static str, user: UserId) -> Resource {
    Resource { kind: Cow::Borrowed(kind), id: user.as_uuid() }
}

#[async_trait]
impl Guard for Place {
    async fn check(&self, transaction: &mut dyn TransactionView) -> Result<(), AccessError> {
        for place in PLACES {
            let resource = resource(place, self.user);
            if transaction.claims_on(&resource, &self.time).await?.is_empty() {
                return transaction.claim(&Claim { resource, interval: self.time }).await;
            }
        }
        Err(AccessError::Refused(Refusal {
            by: Cow::Borrowed(TURN),
            reason: Cow::Borrowed("too many are open"),
        }))
    }
}
