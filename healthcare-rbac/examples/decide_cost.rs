//! What one decision and one token cost on this machine.
//!
//! `cargo run --release -p healthcare-rbac --example decide_cost`
//!
//! Each line is the median and the 99th percentile over rounds of 1,000 calls, per call. A decision's future is boxed by the
//! seam: that allocation is in the figure.

use healthcare_core::{
    Action, Ask, Authorizer as _, Boundary, ClinicId, Clues, Identity, MemoryAudit, MemoryRelations, Profile,
    RequestContext, SessionId, SystemClock, UserId,
};
use healthcare_rbac::{
    policy::{Policy, PolicyAuthorizer},
    token::{Access, KeyRing, TokenConfig, TokenKey, TokenService},
};
use ring::{rand::SystemRandom, signature::Ed25519KeyPair};
use std::{borrow::Cow, error::Error, hint::black_box, sync::Arc, time::Instant};
use uuid::Uuid;

const ROUNDS: usize = 400;
const CALLS: u32 = 1_000;

fn report(name: &str, mut per_call_ns: Vec<u128>) {
    per_call_ns.sort_unstable();
    let at = |part: usize| per_call_ns.get(per_call_ns.len() * part / 100).copied().unwrap_or_default();
    println!("{name:<44} p50 {:>7} ns   p99 {:>7} ns", at(50), at(99));
}

async fn decisions(
    name: &str,
    policy: &PolicyAuthorizer,
    context: &RequestContext,
    ask: &Ask,
) -> Result<(), Box<dyn Error>> {
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        for _ in 0..CALLS {
            black_box(policy.decide(black_box(context), black_box(ask)).await?);
        }
        rounds.push(begun.elapsed().as_nanos() / u128::from(CALLS));
    }
    report(name, rounds);
    Ok(())
}

fn ask(action: Action, kind: &'static str, about: Option<Uuid>) -> Ask {
    let target = if action == Action::List { None } else { about };
    Ask { action, kind: Cow::Borrowed(kind), target, subject: about }
}

async fn policy() -> Result<(), Box<dyn Error>> {
    let relations = Arc::new(MemoryRelations::default());
    let policy = PolicyAuthorizer::new(Policy::clinic()?, relations.clone());
    let boundary =
        Boundary::builder(policy.clone(), MemoryAudit::default()).allow_volatile_audit().build()?;
    let (clinic, patient) = (ClinicId::random(), Uuid::now_v7());
    let profile = Profile { kind: Cow::Borrowed("practitioner"), id: Uuid::now_v7() };
    relations.add(clinic, profile.clone(), patient);
    let context = |roles: &[&str]| -> Result<RequestContext, Box<dyn Error>> {
        let roles = roles.iter().map(|role| role.parse()).collect::<Result<Vec<_>, _>>()?.into();
        let identity =
            Identity { user: UserId::random(), clinic, roles, profile: Some(profile.clone()), session: None };
        Ok(boundary.edge.request(identity, &Clues::default())?)
    };
    let read = ask(Action::Read, "patient", Some(patient));
    decisions("nurse reads a patient: no condition", &policy, &context(&["NURSE"])?, &read).await?;
    decisions("doctor reads a patient: relation in memory", &policy, &context(&["DOCTOR"])?, &read).await?;
    let list = ask(Action::List, "appointment", None);
    decisions("doctor lists appointments: two filters", &policy, &context(&["DOCTOR"])?, &list).await?;
    decisions("auditor reads a patient: denied", &policy, &context(&["AUDITOR"])?, &read).await?;
    decisions(
        "admin and nurse read a patient: two roles",
        &policy,
        &context(&["CLINIC_ADMIN", "NURSE"])?,
        &read,
    )
    .await?;
    decisions(
        "nurse reads a chart: nine kinds",
        &policy,
        &context(&["NURSE"])?,
        &ask(Action::ReadChart, "patient", Some(patient)),
    )
    .await
}

fn tokens(name: &str, key: TokenKey) -> Result<(), Box<dyn Error>> {
    let clock = Arc::new(SystemClock::default());
    let service =
        TokenService::new(TokenConfig::new("https://a.example", "clinic"), KeyRing::new([key])?, clock)?;
    let access = Access {
        user: UserId::random(),
        clinic: ClinicId::random(),
        roles: Arc::from(["DOCTOR".parse()?]),
        session: SessionId::random(),
        profile: None,
        epoch: 0,
    };
    let token = service.issue(&access)?.text;
    let mut rounds = Vec::with_capacity(ROUNDS / 8);
    for _ in 0..ROUNDS / 8 {
        let begun = Instant::now();
        for _ in 0..CALLS {
            black_box(service.verify(black_box(&token))?);
        }
        rounds.push(begun.elapsed().as_nanos() / u128::from(CALLS));
    }
    report(name, rounds);
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    policy().await?;
    tokens("verify an access token, HS256", TokenKey::hs256("k1", &[7; 32])?)?;
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| "no random bytes")?;
    tokens("verify an access token, Ed25519", TokenKey::ed25519("k1", pkcs8.as_ref())?)
}
