//! The contract suite of [`SharedTier`](crate::SharedTier).

mod bars;
mod fences;
mod keeping;
mod leases;
mod limits;
mod losses;
mod notices;
mod schedules;

use crate::{
    Fetched, Filled, Forget, Mark, NewEntry, ScopeMark, Seen, SharedEntry, SharedLimits, SharedTier, Sought,
    Verb,
};
use std::{future::Future, time::Duration};

/// A shared tier under test: a server and the nodes that use it, all with [`shared_limits`].
pub trait SharedRig {
    /// A node's tier.
    type Tier: SharedTier;
    /// One more node of the same server.
    fn node(&self) -> Self::Tier;
    /// Lets this much time pass for the server, or a little more.
    fn pass(&self, time: Duration) -> impl Future<Output = ()>;
    /// Makes the server lose something of a clinic.
    fn lose(&self, scope: ScopeMark, loss: Loss) -> impl Future<Output = ()>;
}

/// What a server that evicts or restarts may lose of a clinic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// Its epoch and numbers.
    pub numbers: bool,
    /// Its marks.
    pub marks: bool,
    /// Its values and leases.
    pub values: bool,
}

impl Loss {
    pub(super) const NUMBERS: Self = Self { numbers: true, marks: false, values: false };
    pub(super) const MARKS: Self = Self { numbers: false, marks: true, values: false };
    pub(super) const MARKERS: Self = Self { numbers: true, marks: true, values: false };
    pub(super) const ALL: Self = Self { numbers: true, marks: true, values: true };
    pub(super) const VALUES: Self = Self { numbers: false, marks: false, values: true };
}

/// The limits that the suite counts on.
#[must_use]
pub fn shared_limits() -> SharedLimits {
    SharedLimits::default()
        .marks_kept(64)
        .bars_kept(8)
        .value_max(4_096)
        .life_max(Duration::from_secs(3_600))
        .bar_max(Duration::from_secs(120))
}

/// Runs every case, each in clinics of its own.
///
/// # Panics
/// When the tier breaks its contract.
pub async fn shared_contract<R: SharedRig>(make: impl AsyncFn() -> R) {
    keeping::a_value_is_found_by_its_clinic_and_key_alone(&make().await).await;
    keeping::a_life_ends(&make().await).await;
    keeping::many_are_answered_in_order(&make().await).await;
    keeping::a_check_says_what_a_fetch_would(&make().await).await;
    fences::an_old_load_does_not_land(&make().await).await;
    fences::an_old_load_does_not_replace_a_new_value(&make().await).await;
    fences::what_was_kept_is_forgotten(&make().await).await;
    fences::a_purge_beats_an_expiry(&make().await).await;
    fences::everything_is_forgotten_by_whoever_heard(&make().await).await;
    bars::nothing_barred_is_found_or_kept(&make().await).await;
    bars::bars_add_up(&make().await).await;
    bars::a_bar_that_runs_out_purges(&make().await).await;
    bars::too_many_bars_bar_the_clinic(&make().await).await;
    bars::a_purge_does_not_end_a_bar(&make().await).await;
    losses::lost_markers_leave_nothing_valid(&make().await).await;
    losses::bars_outlive_the_loss_of_one_half(&make().await).await;
    losses::dropped_marks_lift_the_floor(&make().await).await;
    Box::pin(leases::one_loads_and_the_others_wait(&make().await)).await;
    Box::pin(leases::a_lease_is_given_back_by_its_token_alone(&make().await)).await;
    Box::pin(leases::a_lease_ends_by_itself(&make().await)).await;
    Box::pin(leases::a_refused_fill_gives_the_lease_back(&make().await)).await;
    Box::pin(leases::nobody_waits_for_what_cannot_be_kept(&make().await)).await;
    Box::pin(leases::one_renews_and_the_others_are_served(&make().await)).await;
    Box::pin(leases::lost_leases_are_given_anew(&make().await)).await;
    Box::pin(notices::whoever_listens_hears_what_happened(&make().await)).await;
    Box::pin(notices::nothing_is_told_when_nothing_is_said_or_done(&make().await)).await;
    Box::pin(notices::a_generation_that_was_heard_counts(&make().await)).await;
    limits::too_much_is_refused(&make().await).await;
    limits::dropped_futures_leave_it_usable(&make().await).await;
    schedules::no_order_of_calls_shows_an_old_version(&make().await).await;
}

const MINUTE: Duration = Duration::from_secs(60);

fn scope() -> ScopeMark {
    ScopeMark(fastrand::u128(..).to_be_bytes())
}

/// A mark by number, so that failures can be read.
const fn mark(number: u128) -> Mark {
    Mark(number.to_be_bytes())
}

const KEY: Mark = mark(1);
const OTHER_KEY: Mark = mark(2);
const TAG: Mark = mark(101);
const OTHER_TAG: Mark = mark(102);

/// What is found, which is the same whatever is thought to be likely.
async fn found(tier: &impl SharedTier, scope: ScopeMark, key: Mark) -> Option<SharedEntry> {
    let mut answers = Vec::new();
    for likely in [&[][..], &[TAG], &[OTHER_TAG, TAG, key]] {
        let answer = tier.fetch_many(scope, &[Sought { key, likely }]).await.expect("the tier answers").pop();
        answers.push(match answer.expect("one answer for one key") {
            Fetched::Hit(entry) => Some(entry),
            Fetched::Miss(_) => None,
        });
    }
    let told = |entry: &SharedEntry| (entry.bytes.clone(), entry.seen, entry.marks.clone(), entry.is_over);
    let all: Vec<_> = answers.iter().map(|answer| answer.as_ref().map(told)).collect();
    assert!(all.windows(2).all(|two| two[0] == two[1]), "what is likely decides nothing: {all:?}");
    answers.swap_remove(0)
}

/// The fence of a load that begins now.
async fn fence(tier: &impl SharedTier, scope: ScopeMark, key: Mark) -> Seen {
    match tier.fetch(scope, key).await.expect("the tier answers") {
        Fetched::Hit(entry) => entry.now,
        Fetched::Miss(seen) => seen,
    }
}

async fn filled(tier: &impl SharedTier, scope: ScopeMark, key: Mark, seen: Seen, bytes: &[u8]) -> Filled {
    let entry = NewEntry { key, seen, marks: &[TAG], bytes, life: MINUTE, lease: None };
    tier.fill(scope, entry).await.expect("the tier answers")
}

/// Keeps a value that depends on [`TAG`].
async fn kept(tier: &impl SharedTier, scope: ScopeMark, key: Mark, bytes: &[u8]) {
    let seen = fence(tier, scope, key).await;
    assert_eq!(filled(tier, scope, key, seen, bytes).await, Filled::Stored);
    let entry = found(tier, scope, key).await.expect("what was just kept is found");
    assert_eq!(entry.bytes, bytes);
}

/// The ways to forget [`KEY`], which depends on [`TAG`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Key(Verb),
    Tag(Verb),
    Clinic(Verb),
    All,
    Bar,
}

const WAYS: [Way; 8] = [
    Way::Key(Verb::Purge),
    Way::Tag(Verb::Purge),
    Way::Clinic(Verb::Purge),
    Way::Key(Verb::Expire),
    Way::Tag(Verb::Expire),
    Way::Clinic(Verb::Expire),
    Way::All,
    Way::Bar,
];

impl Way {
    const fn is_purge(self) -> bool {
        !matches!(self, Self::Key(Verb::Expire) | Self::Tag(Verb::Expire) | Self::Clinic(Verb::Expire))
    }

    async fn go(self, tier: &impl SharedTier, scope: ScopeMark, key: Mark, tag: Mark) {
        let answered = "the tier answers";
        match self {
            Self::Key(verb) => {
                tier.forget(scope, Forget { marks: &[], keys: &[key], verb }, &[]).await.expect(answered);
            }
            Self::Tag(verb) => {
                tier.forget(scope, Forget { marks: &[tag], keys: &[], verb }, &[]).await.expect(answered);
            }
            Self::Clinic(verb) => {
                tier.forget_clinic(scope, verb, &[]).await.expect(answered);
            }
            Self::All => {
                tier.purge_all(&[]).await.expect(answered);
            }
            Self::Bar => {
                let bar = tier.bar(scope, &[tag], MINUTE, &[]).await.expect(answered);
                tier.lift(&bar, &[]).await.expect(answered);
            }
        }
    }
}
