//! What sealing costs beside the cipher itself: a clinic's subkey against ring's AES-256-GCM called directly.

use crate::compare::{Better, Comparison, Side, batches};
use async_trait::async_trait;
use healthcare_core::{
    Ask, Authorizer, Boundary, ClinicId, Decision, Denial, ErrorCode, MemoryAudit, MemoryKeys,
    MemoryScopeKeys, RequestContext, ScopeKeys, Undecided, Vault,
};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom, SystemRandom},
};
use std::{error::Error, hint::black_box, sync::Arc};

const KIBIBYTE: usize = 1024;
/// 16 samples of 64 messages: about 50 µs a sample.
const BATCHES: (usize, u32) = (16, 64);
/// As many bytes of associated data as a sealed reply has.
const PLACE: [u8; 90] = [7; 90];
const HELD_EQUAL: &str = "1 KiB, a random nonce for each message, 90 bytes of associated data, one allocation for the result; \
                          ours also writes and authenticates version and key id, counts messages, and wipes what it opened";

pub(super) fn comparisons() -> Result<Vec<Comparison>, Box<dyn Error>> {
    let keys = clinic_keys()?;
    let ring = Arc::new(Direct::new()?);
    let reply = [3_u8; 32];
    let plain = vec![42_u8; KIBIBYTE];
    let (sealed, raw) = (keys.seal_reply(&reply, &plain)?, ring.seal(&plain).ok_or("ring does not seal")?);
    let opened =
        (keys.open_reply(&reply, &sealed)?.len(), ring.open(&raw).ok_or("ring does not open")?.len());
    if opened != (KIBIBYTE, KIBIBYTE) {
        return Err("the two sides do not do the same work".into());
    }
    let side = |call: Box<dyn Fn()>| -> Side { batches(BATCHES.0, BATCHES.1, call) };
    let row = |name, target, ours, peer| Comparison {
        name,
        peer_name: "ring 0.17 AES-256-GCM",
        unit: "ns",
        better: Better::Lower,
        target,
        held_equal: HELD_EQUAL,
        ours,
        peer,
    };
    let seal_ours = {
        let (keys, plain) = (Arc::clone(&keys), plain.clone());
        side(Box::new(move || drop(black_box(keys.seal_reply(&reply, black_box(&plain))))))
    };
    let seal_peer = {
        let ring = Arc::clone(&ring);
        side(Box::new(move || drop(black_box(ring.seal(black_box(&plain))))))
    };
    let open_ours = side(Box::new(move || drop(black_box(keys.open_reply(&reply, black_box(&sealed))))));
    let open_peer = side(Box::new(move || drop(black_box(ring.open(black_box(&raw))))));
    Ok(vec![row("seal 1 KiB", 1.5, seal_ours, seal_peer), row("open 1 KiB", 1.5, open_ours, open_peer)])
}

/// The keys of a clinic in a vault in memory.
fn clinic_keys() -> Result<Arc<ScopeKeys>, Box<dyn Error>> {
    let boundary = Boundary::builder(Nobody, MemoryAudit::default()).allow_volatile_audit().build()?;
    let vault = Vault::new(&MemoryKeys::random()?, Arc::new(MemoryScopeKeys::default()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    Ok(runtime.block_on(vault.scope(boundary.system.scope(ClinicId::random())))?)
}

/// Nothing is decided here; a boundary needs somebody who could.
#[derive(Debug)]
struct Nobody;

#[async_trait]
impl Authorizer for Nobody {
    async fn decide(&self, _: &RequestContext, _: &Ask) -> Result<Decision, Undecided> {
        Ok(Decision::Deny(Denial::new(ErrorCode::AccessDenied, "nobody may")))
    }
}

/// `nonce 12 | ciphertext | tag 16` by ring alone.
struct Direct {
    key: LessSafeKey,
    random: SystemRandom,
}

impl Direct {
    fn new() -> Result<Self, Box<dyn Error>> {
        let key = UnboundKey::new(&AES_256_GCM, &[1; 32]).map_err(|_| "ring refused a key")?;
        Ok(Self { key: LessSafeKey::new(key), random: SystemRandom::new() })
    }

    fn seal(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).ok()?;
        let mut message = Vec::with_capacity(NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
        message.extend_from_slice(&nonce);
        message.extend_from_slice(plain);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(&PLACE), message.get_mut(NONCE_LEN..)?)
            .ok()?;
        message.extend_from_slice(tag.as_ref());
        Some(message)
    }

    fn open(&self, message: &[u8]) -> Option<Vec<u8>> {
        let (nonce, body) = message.split_first_chunk::<NONCE_LEN>()?;
        let mut body = body.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.key.open_in_place(nonce, Aad::from(&PLACE), &mut body).ok()?.len();
        body.truncate(length);
        Some(body)
    }
}
