//! Signing in, staying in, getting out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use async_trait::async_trait;
use healthcare_core::{
    ClinicId, Clock as _, ErrorCode, ManualClock, NotDurable, Receipt, Role, SessionId, UserId,
};
use healthcare_rbac::{
    MemoryAccounts,
    login::{
        AuthEvent, AuthEventKind, AuthSink, Credentials, LoginError, LoginParts, LoginService,
        MemoryAuthEvents, SessionConfig, SignedIn,
    },
    password::{HashParams, HasherConfig, Password, PasswordHasher},
    session::{
        EndReason, NewSession, RefreshKeys, Rotation, SessionEnded, SessionGuard, SessionStore, StoreError,
        StoredSession,
    },
    throttle::{Throttle, ThrottleConfig},
    token::{KeyRing, TokenConfig, TokenKey, TokenService},
    user::{EmailKey, Membership, NewUser, PasswordChange, UserStatus, UserStore},
};
use jiff::Timestamp;
use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

const PASSWORD: &str = "a long walk by the river";
const EMAIL: &str = "doctor@one.example";

fn cheap() -> HasherConfig {
    HasherConfig { params: HashParams { memory_kib: 64, passes: 1, lanes: 1 }, parallel: 2, queue: 64 }
}

/// A store that counts its reads and can be taken away.
#[derive(Debug, Default)]
struct Sessions {
    inner: Arc<MemoryAccounts>,
    reads: AtomicU32,
    away: AtomicBool,
}

impl Sessions {
    fn there(&self) -> Result<(), StoreError> {
        if self.away.load(Ordering::SeqCst) {
            Err(StoreError::failed("the database is away"))
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl SessionStore for Sessions {
    async fn create(&self, new: &NewSession) -> Result<bool, StoreError> {
        self.there()?;
        self.inner.create(new).await
    }
    async fn replace(&self, old: SessionId, new: &NewSession, at: Timestamp) -> Result<bool, StoreError> {
        self.there()?;
        self.inner.replace(old, new, at).await
    }
    async fn session(&self, id: SessionId) -> Result<Option<StoredSession>, StoreError> {
        self.there()?;
        self.reads.fetch_add(1, Ordering::SeqCst);
        // Lets others in between, as a database would.
        tokio::task::yield_now().await;
        self.inner.session(id).await
    }
    async fn rotate(&self, id: SessionId, rotation: &Rotation) -> Result<bool, StoreError> {
        self.there()?;
        tokio::task::yield_now().await;
        self.inner.rotate(id, rotation).await
    }
    async fn revoke(&self, id: SessionId, at: Timestamp, why: EndReason) -> Result<bool, StoreError> {
        self.there()?;
        self.inner.revoke(id, at, why).await
    }
    async fn revoke_user(&self, user: UserId, at: Timestamp, why: EndReason) -> Result<u64, StoreError> {
        self.there()?;
        self.inner.revoke_user(user, at, why).await
    }
    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.there()?;
        self.inner.purge(before, limit).await
    }
}

/// A sink that can be broken.
#[derive(Debug, Default)]
struct Events {
    kept: MemoryAuthEvents,
    broken: AtomicBool,
}

impl AuthSink for Events {
    fn note(&self, event: &AuthEvent) -> Receipt {
        if self.broken.load(Ordering::SeqCst) {
            return Receipt::ready(Err(NotDurable::Failed));
        }
        self.kept.note(event)
    }
}

struct House {
    clock: Arc<ManualClock>,
    users: Arc<MemoryAccounts>,
    sessions: Arc<Sessions>,
    events: Arc<Events>,
    tokens: TokenService,
    guard: SessionGuard,
    login: LoginService,
    user: UserId,
    clinics: [ClinicId; 2],
}

/// A second process over the same tables: its own guard and its own service, the same keys.
fn process(house: &House) -> (SessionGuard, LoginService) {
    let guard = SessionGuard::new(house.sessions.clone(), house.clock.clone(), Duration::from_secs(1));
    let login =
        LoginService::new(parts(house.clock.clone(), &house.users, &house.sessions, &house.events, &guard));
    (guard, login)
}

fn parts(
    clock: Arc<ManualClock>,
    users: &Arc<MemoryAccounts>,
    sessions: &Arc<Sessions>,
    events: &Arc<Events>,
    guard: &SessionGuard,
) -> LoginParts {
    let ring = KeyRing::new([TokenKey::hs256("k1", &[7; 32]).unwrap()]).unwrap();
    LoginParts {
        users: users.clone(),
        sessions: sessions.clone(),
        guard: guard.clone(),
        hasher: PasswordHasher::new(cheap()).unwrap(),
        tokens: TokenService::new(TokenConfig::new("https://a.example", "clinic"), ring, clock.clone())
            .unwrap(),
        refresh_keys: RefreshKeys::new([[9_u8; 32].as_slice()]).unwrap(),
        email_key: EmailKey::new(&[3; 32]).unwrap(),
        throttle: Throttle::new(ThrottleConfig::default(), clock.clone()),
        audit: events.clone(),
        clock,
        config: SessionConfig::default(),
    }
}

fn membership(clinic: ClinicId, role: &str) -> Membership {
    Membership { clinic, roles: Arc::from([role.parse::<Role>().unwrap()]), profile: None }
}

async fn house() -> House {
    let clock = Arc::new(ManualClock::at("2026-03-01T08:00:00Z".parse().unwrap()));
    let users = Arc::new(MemoryAccounts::default());
    let sessions = Arc::new(Sessions { inner: users.clone(), ..Sessions::default() });
    let events = Arc::new(Events::default());
    let guard = SessionGuard::new(sessions.clone(), clock.clone(), Duration::from_secs(1));
    let parts = parts(clock.clone(), &users, &sessions, &events, &guard);
    let user = UserId::random();
    let password = parts.hasher.hash(&Password::new(PASSWORD).unwrap()).await.unwrap();
    let new = NewUser { id: user, email: parts.email_key.index(EMAIL), password: Some(password) };
    users.add(&new).await.unwrap();
    let clinics = [ClinicId::random(), ClinicId::random()];
    users.set_membership(user, &membership(clinics[0], "DOCTOR")).await.unwrap();
    users.set_membership(user, &membership(clinics[1], "NURSE")).await.unwrap();
    let tokens = parts.tokens.clone();
    House { clock, users, sessions, events, tokens, guard, login: LoginService::new(parts), user, clinics }
}

fn typed(email: &str, password: &str) -> Credentials {
    let source = Some(IpAddr::from([203, 0, 113, 7]));
    Credentials { email: email.into(), password: Password::new(password).unwrap(), clinic: None, source }
}

impl House {
    async fn sign_in(&self) -> SignedIn {
        self.login.sign_in(&typed(EMAIL, PASSWORD)).await.unwrap()
    }

    async fn check(&self, guard: &SessionGuard, signed_in: &SignedIn) -> Result<(), SessionEnded> {
        guard.check(&self.tokens.verify(&signed_in.access.text).unwrap()).await
    }

    fn kinds(&self) -> Vec<AuthEventKind> {
        self.events.kept.events().into_iter().map(|event| event.kind).collect()
    }
}

fn code<T>(result: Result<T, LoginError>) -> Option<ErrorCode> {
    result.err().map(|error| error.code())
}

#[tokio::test]
async fn memory_keeps_the_contract_of_users() {
    healthcare_rbac::testing::user_store(&MemoryAccounts::default()).await;
}

#[tokio::test]
async fn memory_keeps_the_contract_of_sessions() {
    healthcare_rbac::testing::session_store(&MemoryAccounts::default()).await;
}

#[tokio::test]
async fn the_right_password_signs_in_and_is_recorded() {
    let house = house().await;
    let signed_in = house.sign_in().await;
    assert_eq!(
        (signed_in.user, signed_in.clinic, signed_in.clinics.len()),
        (house.user, house.clinics[0], 2)
    );
    house.check(&house.guard, &signed_in).await.unwrap();
    let claims = house.tokens.verify(&signed_in.access.text).unwrap();
    assert_eq!((claims.session, claims.clinic), (signed_in.session, house.clinics[0]));
    let events = house.events.kept.events();
    assert_eq!((events[0].kind, events[0].session), (AuthEventKind::SignedIn, Some(signed_in.session)));
    let shown = format!("{signed_in:?} {events:?}");
    assert!(!shown.contains(signed_in.refresh.as_str()) && !shown.contains(EMAIL), "{shown}");
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_password_look_the_same() {
    let house = house().await;
    let unknown = house.login.sign_in(&typed("nobody@one.example", PASSWORD)).await.unwrap_err();
    let wrong = house.login.sign_in(&typed(EMAIL, "another walk by the river")).await.unwrap_err();
    assert_eq!((unknown.code(), unknown.to_string()), (wrong.code(), wrong.to_string()));
    assert_eq!(unknown.code(), ErrorCode::CredentialsInvalid);
    assert_eq!(house.kinds(), [AuthEventKind::Failed, AuthEventKind::Failed]);
}

#[tokio::test]
async fn a_disabled_user_and_a_foreign_clinic_are_told_only_with_the_right_password() {
    let house = house().await;
    let stranger = Credentials { clinic: Some(ClinicId::random()), ..typed(EMAIL, PASSWORD) };
    assert_eq!(code(house.login.sign_in(&stranger).await), Some(ErrorCode::ClinicAccessDenied));
    house.users.set_status(house.user, UserStatus::Disabled, house.clock.now()).await.unwrap();
    assert_eq!(code(house.login.sign_in(&typed(EMAIL, PASSWORD)).await), Some(ErrorCode::UserDisabled));
    let wrong = house.login.sign_in(&typed(EMAIL, "another walk by the river")).await;
    assert_eq!(code(wrong), Some(ErrorCode::CredentialsInvalid));
}

#[tokio::test]
async fn guessing_is_slowed_and_the_right_password_waits_as_well() {
    let house = house().await;
    for _ in 0..5 {
        let wrong = house.login.sign_in(&typed(EMAIL, "another walk by the river")).await;
        assert_eq!(code(wrong), Some(ErrorCode::CredentialsInvalid));
    }
    let error = house.login.sign_in(&typed(EMAIL, PASSWORD)).await.unwrap_err();
    assert_eq!(
        (error.code(), error.retry_after()),
        (ErrorCode::SignInThrottled, Some(Duration::from_secs(2)))
    );
    house.clock.advance(Duration::from_secs(2));
    house.sign_in().await;
}

#[tokio::test]
async fn nobody_is_signed_in_unless_it_is_recorded() {
    let house = house().await;
    house.events.broken.store(true, Ordering::SeqCst);
    assert_eq!(code(house.login.sign_in(&typed(EMAIL, PASSWORD)).await), Some(ErrorCode::AuditUnavailable));
    house.events.broken.store(false, Ordering::SeqCst);
    assert_eq!(
        house.users.revoke_user(house.user, house.clock.now(), EndReason::Removed).await.unwrap(),
        0,
        "none is left"
    );
}

#[tokio::test]
async fn a_storage_failure_is_not_held_against_the_user() {
    let house = house().await;
    house.sessions.away.store(true, Ordering::SeqCst);
    for _ in 0..20 {
        assert_eq!(
            code(house.login.sign_in(&typed(EMAIL, PASSWORD)).await),
            Some(ErrorCode::StorageUnavailable)
        );
    }
    house.sessions.away.store(false, Ordering::SeqCst);
    house.sign_in().await;
}

#[tokio::test]
async fn a_refresh_renews_the_token_and_uses_the_old_one_up() {
    let house = house().await;
    let first = house.sign_in().await;
    house.clock.advance(Duration::from_secs(500));
    let second = house.login.refresh(first.refresh.as_str(), None).await.unwrap();
    assert_ne!(second.refresh.as_str(), first.refresh.as_str());
    assert_eq!(second.session, first.session);
    house.check(&house.guard, &second).await.unwrap();
    house.clock.advance(Duration::from_secs(21));
    let third = house.login.refresh(second.refresh.as_str(), None).await.unwrap();
    house.check(&house.guard, &third).await.unwrap();
}

#[tokio::test]
async fn sixty_four_refreshes_at_once_give_one_successor_and_no_alarm() {
    let house = Arc::new(house().await);
    let first = house.sign_in().await;
    let tries: Vec<_> = (0..64)
        .map(|_| {
            let (house, token) = (house.clone(), first.refresh.clone());
            tokio::spawn(async move { house.login.refresh(token.as_str(), None).await })
        })
        .collect();
    let mut successors = Vec::new();
    for one in tries {
        successors.push(one.await.unwrap().unwrap().refresh.as_str().to_owned());
    }
    successors.dedup();
    assert_eq!(successors.len(), 1);
    assert!(!house.kinds().contains(&AuthEventKind::Reuse));
    house.login.refresh(&successors[0], None).await.unwrap();
}

#[tokio::test]
async fn a_lost_answer_is_given_again_within_the_grace_and_is_theft_after_it() {
    let house = house().await;
    let first = house.sign_in().await;
    let second = house.login.refresh(first.refresh.as_str(), None).await.unwrap();
    house.clock.advance(Duration::from_secs(20));
    let again = house.login.refresh(first.refresh.as_str(), None).await.unwrap();
    assert_eq!(again.refresh.as_str(), second.refresh.as_str(), "the same successor, not another");
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(
        code(house.login.refresh(first.refresh.as_str(), None).await),
        Some(ErrorCode::SessionRevoked)
    );
    assert_eq!(*house.kinds().last().unwrap(), AuthEventKind::Reuse);
    // The successor dies with it, whoever holds it, and is not in any grace either.
    assert_eq!(
        code(house.login.refresh(second.refresh.as_str(), None).await),
        Some(ErrorCode::SessionRevoked)
    );
    assert!(matches!(house.check(&house.guard, &second).await, Err(SessionEnded::Ended)));
}

#[tokio::test]
async fn a_token_two_steps_back_is_theft_even_within_the_grace() {
    let house = house().await;
    let first = house.sign_in().await;
    let second = house.login.refresh(first.refresh.as_str(), None).await.unwrap();
    let third = house.login.refresh(second.refresh.as_str(), None).await.unwrap();
    assert_eq!(
        code(house.login.refresh(first.refresh.as_str(), None).await),
        Some(ErrorCode::SessionRevoked)
    );
    assert_eq!(
        code(house.login.refresh(third.refresh.as_str(), None).await),
        Some(ErrorCode::SessionRevoked)
    );
}

#[tokio::test]
async fn a_made_up_refresh_token_ends_nobodys_session() {
    let house = house().await;
    let first = house.sign_in().await;
    // Another system's keys, the right session id.
    let foreign = RefreshKeys::new([[1_u8; 32].as_slice()]).unwrap();
    drop(foreign);
    let mut forged = first.refresh.as_str().to_owned();
    let last = forged.pop().unwrap();
    forged.push(if last == 'A' { 'B' } else { 'A' });
    for text in [forged.as_str(), "", "hcr1_", &first.access.text, &"A".repeat(10_000)] {
        assert_eq!(code(house.login.refresh(text, None).await), Some(ErrorCode::TokenInvalid), "{text:.20}");
    }
    house.login.refresh(first.refresh.as_str(), None).await.unwrap();
}

#[tokio::test]
async fn what_a_page_does_by_itself_keeps_no_sign_in_alive() {
    let house = house().await;
    let mut signed_in = house.sign_in().await;
    for _ in 0..5 {
        house.clock.advance(Duration::from_secs(600));
        signed_in = house.login.refresh_unattended(signed_in.refresh.as_str(), None).await.unwrap();
    }
    house.clock.advance(Duration::from_secs(600));
    let after_an_hour = house.login.refresh_unattended(signed_in.refresh.as_str(), None).await;
    assert_eq!(code(after_an_hour), Some(ErrorCode::SessionRevoked), "nobody was there");
}

#[tokio::test]
async fn a_sign_in_ends_when_idle_and_when_its_day_is_over() {
    let house = house().await;
    let idle = house.sign_in().await;
    house.clock.advance(Duration::from_secs(3600));
    assert_eq!(code(house.login.refresh(idle.refresh.as_str(), None).await), Some(ErrorCode::SessionRevoked));
    let mut signed_in = house.sign_in().await;
    let ends = signed_in.ends;
    while house.clock.now() < ends.checked_sub(jiff::SignedDuration::from_mins(40)).unwrap() {
        house.clock.advance(Duration::from_secs(1800));
        signed_in = house.login.refresh(signed_in.refresh.as_str(), None).await.unwrap();
        assert_eq!(signed_in.ends, ends, "a refresh does not move the end");
    }
    house.clock.advance(Duration::from_secs(2400));
    assert!(house.clock.now() >= ends);
    assert_eq!(
        code(house.login.refresh(signed_in.refresh.as_str(), None).await),
        Some(ErrorCode::SessionRevoked)
    );
}

#[tokio::test]
async fn a_signed_out_token_is_refused_at_once_here_and_within_the_bound_elsewhere() {
    let house = house().await;
    let (elsewhere, _) = process(&house);
    let signed_in = house.sign_in().await;
    house.check(&house.guard, &signed_in).await.unwrap();
    house.check(&elsewhere, &signed_in).await.unwrap();
    let claims = house.tokens.verify(&signed_in.access.text).unwrap();
    house.login.sign_out(&claims, None).await.unwrap();
    assert!(matches!(house.check(&house.guard, &signed_in).await, Err(SessionEnded::Ended)), "at once");
    house.clock.advance(Duration::from_secs(1));
    assert!(matches!(house.check(&elsewhere, &signed_in).await, Err(SessionEnded::Ended)), "within a second");
    let (restarted, login) = process(&house);
    assert!(matches!(house.check(&restarted, &signed_in).await, Err(SessionEnded::Ended)), "after a restart");
    assert_eq!(code(login.refresh(signed_in.refresh.as_str(), None).await), Some(ErrorCode::SessionRevoked));
    house.login.sign_out(&claims, None).await.unwrap();
    assert_eq!(house.kinds(), [AuthEventKind::SignedIn, AuthEventKind::SignedOut], "once");
}

#[tokio::test]
async fn what_is_held_open_outlives_its_token_and_not_its_sign_in() {
    let house = house().await;
    let signed_in = house.sign_in().await;
    let claims = house.tokens.verify(&signed_in.access.text).unwrap();
    let minutes = |minutes: u64| house.clock.advance(Duration::from_secs(60 * minutes));
    minutes(40);
    assert!(house.tokens.verify(&signed_in.access.text).is_err());
    house.guard.lives(&claims).await.unwrap();
    // A sign of the user in this very second: what is remembered says nothing of it.
    minutes(19);
    house.clock.advance(Duration::from_millis(59_500));
    house.guard.lives(&claims).await.unwrap();
    house.login.refresh(signed_in.refresh.as_str(), None).await.unwrap();
    house.clock.advance(Duration::from_millis(900));
    house.guard.lives(&claims).await.unwrap();
    minutes(59);
    house.guard.lives(&claims).await.unwrap();
    minutes(1);
    assert!(matches!(house.guard.lives(&claims).await, Err(SessionEnded::Ended)), "idle for an hour");
    house.sessions.away.store(true, Ordering::SeqCst);
    assert!(matches!(house.guard.lives(&claims).await, Err(SessionEnded::Unknown(_))), "an error means no");
}

#[tokio::test]
async fn who_holds_something_open_is_told_of_the_end() {
    let house = house().await;
    let (elsewhere, _) = process(&house);
    let (here, there) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
    for (guard, told) in [(&house.guard, &here), (&elsewhere, &there)] {
        let told = Arc::clone(told);
        guard.on_end(move |session| told.lock().unwrap().push(session)).unwrap();
    }
    assert!(house.guard.on_end(drop).is_err(), "there is one to tell the others");
    let signed_in = house.sign_in().await;
    let claims = house.tokens.verify(&signed_in.access.text).unwrap();
    elsewhere.lives(&claims).await.unwrap();
    house.login.sign_out(&claims, None).await.unwrap();
    assert_eq!(*here.lock().unwrap(), [claims.session], "at once");
    house.clock.advance(Duration::from_secs(1));
    assert!(elsewhere.lives(&claims).await.is_err());
    assert_eq!(*there.lock().unwrap(), [claims.session], "when it is found");
}

#[tokio::test]
async fn a_token_is_refused_here_after_a_sign_out_that_could_not_be_written() {
    let house = house().await;
    let signed_in = house.sign_in().await;
    let claims = house.tokens.verify(&signed_in.access.text).unwrap();
    house.sessions.away.store(true, Ordering::SeqCst);
    assert_eq!(code(house.login.sign_out(&claims, None).await), Some(ErrorCode::StorageUnavailable));
    assert!(matches!(house.check(&house.guard, &signed_in).await, Err(SessionEnded::Ended)));
}

#[tokio::test]
async fn the_guard_believes_for_its_bound_only_and_never_in_an_error() {
    let house = house().await;
    let signed_in = house.sign_in().await;
    for _ in 0..10 {
        house.check(&house.guard, &signed_in).await.unwrap();
    }
    assert_eq!(
        house.sessions.reads.load(Ordering::SeqCst),
        1,
        "the table is read once a second, not once a request"
    );
    house.sessions.away.store(true, Ordering::SeqCst);
    house.check(&house.guard, &signed_in).await.unwrap();
    house.clock.advance(Duration::from_secs(1));
    let refused = house.check(&house.guard, &signed_in).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::StorageUnavailable);
    house.sessions.away.store(false, Ordering::SeqCst);
    house.check(&house.guard, &signed_in).await.unwrap();
}

#[tokio::test]
async fn a_sign_out_that_comes_while_the_table_is_read_wins() {
    let house = house().await;
    let signed_in = house.sign_in().await;
    let mut check = Box::pin(house.check(&house.guard, &signed_in));
    assert!(poll_once(check.as_mut()).await.is_none(), "the table is being read");
    house.guard.forget(signed_in.session);
    assert!(matches!(check.await, Err(SessionEnded::Ended)), "though the row that was read still lives");
    assert!(matches!(house.check(&house.guard, &signed_in).await, Err(SessionEnded::Ended)));
}

#[tokio::test]
async fn whoever_goes_away_in_the_middle_leaves_nothing_behind() {
    let house = house().await;
    let credentials = typed(EMAIL, PASSWORD);
    let mut finished = false;
    // Dropped after k polls, for every k up to the end.
    for polls in 0..200 {
        let mut sign_in = Box::pin(house.login.sign_in(&credentials));
        for _ in 0..polls {
            if let Some(done) = poll_once(sign_in.as_mut()).await {
                done.unwrap();
                finished = true;
                break;
            }
            // Room for the blocking thread.
            tokio::task::yield_now().await;
            std::thread::yield_now();
        }
        drop(sign_in);
        // An attempt that was dropped counts as a failure, so the wait grows: let it pass.
        house.clock.advance(Duration::from_secs(900));
        let signed_in = house.sign_in().await;
        let mut refresh = Box::pin(house.login.refresh(signed_in.refresh.as_str(), None));
        for _ in 0..polls.min(8) {
            if poll_once(refresh.as_mut()).await.is_some() {
                break;
            }
        }
        drop(refresh);
        // The answer was lost with the caller; the same token is answered again, and nothing was taken for theft.
        house.login.refresh(signed_in.refresh.as_str(), None).await.unwrap();
        if finished {
            break;
        }
    }
    assert!(finished, "no sign-in came to its end");
    assert!(!house.kinds().contains(&AuthEventKind::Reuse));
}

async fn poll_once<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(match future.as_mut().poll(cx) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn disabling_a_user_ends_everything_everywhere_within_the_bound() {
    let house = house().await;
    let (one, two) = (house.sign_in().await, house.sign_in().await);
    house.check(&house.guard, &one).await.unwrap();
    house.users.set_status(house.user, UserStatus::Disabled, house.clock.now()).await.unwrap();
    house.clock.advance(Duration::from_secs(1));
    for signed_in in [one, two] {
        assert!(matches!(house.check(&house.guard, &signed_in).await, Err(SessionEnded::Ended)));
        assert_eq!(
            code(house.login.refresh(signed_in.refresh.as_str(), None).await),
            Some(ErrorCode::SessionRevoked)
        );
    }
}

#[tokio::test]
async fn a_change_of_roles_ends_the_token_and_arrives_with_the_next() {
    let house = house().await;
    let signed_in = house.sign_in().await;
    house.users.set_membership(house.user, &membership(house.clinics[0], "AUDITOR")).await.unwrap();
    let refused = house.check(&house.guard, &signed_in).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::TokenExpired, "refresh and go on");
    let renewed = house.login.refresh(signed_in.refresh.as_str(), None).await.unwrap();
    assert_eq!(renewed.roles[0].as_str(), "AUDITOR");
    house.check(&house.guard, &renewed).await.unwrap();
    house.users.remove_membership(house.user, house.clinics[0], house.clock.now()).await.unwrap();
    assert_eq!(
        code(house.login.refresh(renewed.refresh.as_str(), None).await),
        Some(ErrorCode::SessionRevoked)
    );
}

#[tokio::test]
async fn a_new_password_ends_what_the_old_one_began() {
    let house = house().await;
    let signed_in = house.sign_in().await;
    let hasher = PasswordHasher::new(cheap()).unwrap();
    let new = hasher.hash(&Password::new("a short walk by the long river").unwrap()).await.unwrap();
    let change = PasswordChange { expected: None, new, changed_at: Some(house.clock.now()) };
    assert!(house.users.set_password(house.user, &change).await.unwrap());
    assert!(matches!(house.check(&house.guard, &signed_in).await, Err(SessionEnded::Ended)));
    assert_eq!(code(house.login.sign_in(&typed(EMAIL, PASSWORD)).await), Some(ErrorCode::CredentialsInvalid));
}

#[tokio::test]
async fn another_clinic_needs_a_membership_and_gives_another_session() {
    let house = house().await;
    let signed_in = house.sign_in().await;
    let claims = house.tokens.verify(&signed_in.access.text).unwrap();
    let stranger = house.login.switch_clinic(&claims, ClinicId::random(), None).await;
    assert_eq!(code(stranger), Some(ErrorCode::ClinicAccessDenied));
    house.check(&house.guard, &signed_in).await.unwrap();
    house.clock.advance(Duration::from_secs(60));
    let switched = house.login.switch_clinic(&claims, house.clinics[1], None).await.unwrap();
    assert_eq!((switched.clinic, switched.roles[0].as_str()), (house.clinics[1], "NURSE"));
    assert_ne!(switched.session, signed_in.session);
    assert_eq!(switched.ends, signed_in.ends, "no longer than the sign-in it came from");
    house.check(&house.guard, &switched).await.unwrap();
    assert!(matches!(house.check(&house.guard, &signed_in).await, Err(SessionEnded::Ended)));
    assert_eq!(
        code(house.login.switch_clinic(&claims, house.clinics[0], None).await),
        Some(ErrorCode::SessionRevoked)
    );
}

#[tokio::test]
async fn a_hash_of_less_cost_is_replaced_at_the_next_sign_in() {
    let house = house().await;
    let before = house.users.by_id(house.user).await.unwrap().unwrap().password.unwrap();
    let mut parts = parts(house.clock.clone(), &house.users, &house.sessions, &house.events, &house.guard);
    let params = HashParams { memory_kib: 128, passes: 2, lanes: 1 };
    parts.hasher = PasswordHasher::new(HasherConfig { params, ..cheap() }).unwrap();
    let login = LoginService::new(parts);
    let signed_in = login.sign_in(&typed(EMAIL, PASSWORD)).await.unwrap();
    let after = house.users.by_id(house.user).await.unwrap().unwrap().password.unwrap();
    assert!(
        before.as_str().contains("m=64,t=1,") && after.as_str().contains("m=128,t=2,"),
        "{}",
        after.as_str()
    );
    house.check(&house.guard, &signed_in).await.unwrap();
    login.sign_in(&typed(EMAIL, PASSWORD)).await.unwrap();
}
