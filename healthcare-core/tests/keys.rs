//! Rows as ciphertext: what opens where, and what does not.
#![cfg(all(feature = "crypto", feature = "testing", feature = "clinical"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use async_trait::async_trait;
use healthcare_core::{
    AccessError, CacheCipher, Change, ClinicId, Create, Id, KeyError, KeyFile, KeyProvider, MasterKey,
    MemoryKeys, MemoryScopeKeys, OutboxMessage, Patient, Phi, Record, ScopeKeyStore, ScopeKeys, SubjectKey,
    Vault, WrappedKey, Write, patient, testing::Stage,
};
use std::{
    collections::HashMap,
    os::unix::fs::PermissionsExt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::Notify;
use uuid::Uuid;

struct Sealed {
    stage: Stage,
    keys: Arc<ScopeKeys>,
    key: SubjectKey,
    id: Id<Patient>,
    phi: Vec<u8>,
    tokens: Vec<healthcare_core::BlindToken>,
}

fn vault() -> Vault {
    Vault::new(&MemoryKeys::random().unwrap(), Arc::new(MemoryScopeKeys::default())).unwrap()
}

fn somebody(id: Id<Patient>, clinic: healthcare_core::ClinicId) -> Patient {
    let protected = patient::Protected {
        family: Phi::new("Canaryname".into()),
        given: Phi::new("Ada".into()),
        birth_date: Phi::new(None),
        gender: Phi::new(None),
        phone: Phi::new(None),
        email: Phi::new(None),
        address: Phi::new(None),
        record_number: Phi::new(None),
        deceased: Phi::new(None),
    };
    Patient::new(id, clinic, patient::Plain { active: true }, protected)
}

async fn change(stage: &Stage, id: Id<Patient>) -> Change<Patient> {
    let grant = stage.boundary.gate.open(&stage.context(), Create::new(id)).await.unwrap();
    grant.fill(somebody(id, stage.clinic)).await.unwrap()
}

async fn sealed() -> Sealed {
    let stage = Stage::default();
    let keys = vault().scope(stage.boundary.system.scope(stage.clinic)).await.unwrap();
    let id = Id::random();
    let (key, _) = keys.new_subject_key(id.as_uuid()).unwrap();
    let mut out = None;
    let committed: Result<(), AccessError> = stage
        .door()
        .commit(change(&stage, id).await, async |parts| {
            let row = &parts.rows()[0];
            assert_eq!(row.how(), Write::Insert);
            assert!(
                matches!(row.seal(&keys, None), Err(KeyError::NoSubjectKey)),
                "a person's row needs the person's key"
            );
            out = Some((row.seal(&keys, Some(&key)).unwrap(), row.tokens(&keys)));
            Ok(())
        })
        .await;
    committed.unwrap();
    let (phi, tokens) = out.unwrap();
    Sealed { stage, keys, key, id, phi, tokens }
}

impl Sealed {
    fn open(
        &self,
        keys: &ScopeKeys,
        key: &SubjectKey,
        id: Id<Patient>,
        phi: &[u8],
    ) -> Result<Patient, AccessError> {
        let columns = &mut somebody(id, self.stage.clinic).columns().into_iter();
        self.stage.door().open_row((keys, Some(key)), (id, Some(id.as_uuid()), 1), columns, phi)
    }
}

#[tokio::test]
async fn a_row_opens_in_its_own_place_alone() {
    let it = sealed().await;
    let opened = it.open(&it.keys, &it.key, it.id, &it.phi).unwrap();
    assert_eq!((opened.id(), opened.version()), (it.id, 1));
    let other = Id::random();
    assert!(it.open(&it.keys, &it.key, other, &it.phi).is_err(), "another row");
    let (other_key, _) = it.keys.new_subject_key(it.id.as_uuid()).unwrap();
    assert!(it.open(&it.keys, &other_key, it.id, &it.phi).is_err(), "another key");
    let abroad = vault().scope(it.stage.boundary.system.scope(it.stage.other)).await.unwrap();
    assert!(it.open(&abroad, &it.key, it.id, &it.phi).is_err(), "another clinic");
    for byte in 0..it.phi.len() {
        let mut changed = it.phi.clone();
        changed[byte] ^= 1;
        assert!(it.open(&it.keys, &it.key, it.id, &changed).is_err(), "byte {byte}");
    }
}

#[tokio::test]
async fn nothing_of_a_name_is_in_what_leaves_the_process() {
    let it = sealed().await;
    let holds = |bytes: &[u8]| bytes.windows(6).any(|part| part.eq_ignore_ascii_case(b"canary"));
    assert!(!holds(&it.phi));
    assert!(it.tokens.iter().all(|token| token.token.len() == 16 && !holds(&token.token)));
    assert_eq!(it.tokens.iter().filter(|token| token.field == "family").count(), 6, "three to eight letters");
    assert!(!format!("{:?}{:?}{:?}", it.keys, it.key, it.tokens).to_lowercase().contains("canary"));
}

#[tokio::test]
async fn a_wrapped_key_is_one_persons_in_one_clinic() {
    let vault = vault();
    let stage = Stage::default();
    let here = vault.scope(stage.boundary.system.scope(stage.clinic)).await.unwrap();
    let there = vault.scope(stage.boundary.system.scope(stage.other)).await.unwrap();
    let person = Uuid::now_v7();
    let (_, wrapped) = here.new_subject_key(person).unwrap();
    assert!(here.open_subject_key(person, &wrapped.0).is_ok());
    assert!(here.open_subject_key(Uuid::now_v7(), &wrapped.0).is_err());
    assert!(there.open_subject_key(person, &wrapped.0).is_err());
}

#[tokio::test]
async fn two_vaults_over_one_store_agree_and_a_foreign_master_key_opens_nothing() {
    let stage = Stage::default();
    let scope = stage.boundary.system.scope(stage.clinic);
    let store = Arc::new(MemoryScopeKeys::default());
    let master = MasterKey::random().unwrap();
    let provider = MemoryKeys::new([master.clone()]);
    let first = Vault::new(&provider, Arc::clone(&store) as _).unwrap().scope(scope).await.unwrap();
    let second = Vault::new(&provider, Arc::clone(&store) as _).unwrap().scope(scope).await.unwrap();
    assert_eq!(first.source_id("patient", "1"), second.source_id("patient", "1"));
    assert_ne!(first.source_id("patient", "1"), first.source_id("practitioner", "1"));
    let rotated = MemoryKeys::new([master, MasterKey::random().unwrap()]);
    assert!(
        Vault::new(&rotated, Arc::clone(&store) as _).unwrap().scope(scope).await.is_ok(),
        "old keys still open"
    );
    let foreign = Vault::new(&MemoryKeys::random().unwrap(), store).unwrap().scope(scope).await;
    assert!(matches!(foreign, Err(KeyError::UnknownKey(_))));
}

#[tokio::test]
async fn messages_replies_and_cursors_open_where_they_belong() {
    let stage = Stage::default();
    let keys = vault().scope(stage.boundary.system.scope(stage.clinic)).await.unwrap();
    drop(stage.boundary.gate.open(&stage.context(), Create::new(Id::<Patient>::random())).await.unwrap());
    let outcome = OutboxMessage::Outcome(stage.audit.events().pop().unwrap());
    let id = Uuid::now_v7();
    let sealed = keys.seal_message(id, &outcome).unwrap();
    assert!(
        matches!(keys.open_message(id, &sealed).unwrap(), OutboxMessage::Outcome(event) if event.id == stage.audit.events().pop().unwrap().id)
    );
    assert!(keys.open_message(Uuid::now_v7(), &sealed).is_err());
    let job = keys.seal_job(id, b"ids").unwrap();
    assert_eq!(keys.open_job(id, &job).unwrap().as_slice(), b"ids");
    assert!(keys.open_job(Uuid::now_v7(), &job).is_err(), "another job's");
    assert!(keys.open_message(id, &job).is_err(), "a job is no message");
    let other = vault().scope(stage.boundary.system.scope(stage.other)).await.unwrap();
    assert!(other.open_job(id, &job).is_err(), "another clinic's");
    let reply = keys.seal_reply(&[1; 32], b"Ada").unwrap();
    assert_eq!(keys.open_reply(&[1; 32], &reply).unwrap().as_slice(), b"Ada");
    assert!(keys.open_reply(&[2; 32], &reply).is_err());
    let cursor = keys.seal_cursor(b"patients", b"7").unwrap();
    assert_eq!(keys.open_cursor(b"patients", &cursor).unwrap(), b"7");
    assert!(keys.open_cursor(b"appointments", &cursor).is_err());
}

#[test]
fn the_house_cipher_binds_purpose_clinic_and_context() {
    let cipher = vault().house_cipher();
    let (here, there) = (ClinicId::random(), ClinicId::random());
    let sealed = cipher.seal("audit", here, b"7", b"Ada").unwrap();
    assert_eq!(cipher.open("audit", here, b"7", &sealed).unwrap().as_slice(), b"Ada");
    for (purpose, clinic, context) in [("users", here, b"7"), ("audit", there, b"7"), ("audit", here, b"8")] {
        assert!(cipher.open(purpose, clinic, context, &sealed).is_err(), "{purpose}");
    }
}

/// A store whose keys can be destroyed, and that answers late when told to.
#[derive(Debug, Default)]
struct Shreddable {
    keys: Mutex<HashMap<ClinicId, WrappedKey>>,
    is_late: AtomicBool,
    asked: Notify,
    answer: Notify,
}

#[async_trait]
impl ScopeKeyStore for Shreddable {
    async fn get(&self, clinic: ClinicId) -> Result<Option<WrappedKey>, KeyError> {
        let key = self.keys.lock().unwrap().get(&clinic).cloned();
        if self.is_late.load(Ordering::SeqCst) {
            self.asked.notify_one();
            self.answer.notified().await;
        }
        Ok(key)
    }
    async fn put_absent(&self, clinic: ClinicId, key: WrappedKey) -> Result<WrappedKey, KeyError> {
        Ok(self.keys.lock().unwrap().entry(clinic).or_insert(key).clone())
    }
}

fn ciphers() -> (Arc<Shreddable>, CacheCipher, CacheCipher) {
    let store = Arc::new(Shreddable::default());
    let keys = MemoryKeys::random().unwrap();
    let cipher = || Arc::new(Vault::new(&keys, Arc::clone(&store) as _).unwrap()).cache_cipher();
    (Arc::clone(&store), cipher(), cipher())
}

#[tokio::test]
async fn a_cached_value_opens_on_every_node_in_its_own_place_alone() {
    let (_, one, other) = ciphers();
    let (here, there) = (ClinicId::random(), ClinicId::random());
    assert!(one.held(here).is_none());
    let sealed = one.keys(here).await.unwrap().seal(b"7", b"Ada").unwrap();
    let keys = other.keys(here).await.unwrap();
    assert_eq!(keys.open(b"7", &sealed).unwrap().as_slice(), b"Ada");
    assert!(keys.open(b"8", &sealed).is_err(), "another context");
    let abroad = other.keys(there).await.unwrap();
    assert!(matches!(abroad.open(b"7", &sealed), Err(KeyError::UnknownKey(_))), "another clinic");
    for bit in 0..sealed.len() * 8 {
        let mut changed = sealed.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(keys.open(b"7", &changed).is_err(), "bit {bit}");
    }
    for length in 0..sealed.len() {
        assert!(keys.open(b"7", &sealed[..length]).is_err(), "length {length}");
    }
    assert!(one.held(here).is_some());
    assert!(!format!("{one:?}{keys:?}").contains("Ada"));
}

#[tokio::test]
async fn a_destroyed_clinic_key_makes_its_cached_values_noise() {
    let (store, one, other) = ciphers();
    let clinic = ClinicId::random();
    let sealed = one.keys(clinic).await.unwrap().seal(b"7", b"Ada").unwrap();
    other.keys(clinic).await.unwrap();
    store.keys.lock().unwrap().clear();
    for cipher in [one, other] {
        assert!(cipher.keys(clinic).await.unwrap().open(b"7", &sealed).is_ok(), "held still");
        cipher.forget(clinic);
        assert!(cipher.held(clinic).is_none());
        assert!(cipher.keys(clinic).await.unwrap().open(b"7", &sealed).is_err());
    }
}

#[tokio::test]
async fn a_key_that_was_being_loaded_when_it_was_forgotten_is_not_held() {
    let (store, one, _) = ciphers();
    let clinic = ClinicId::random();
    one.keys(clinic).await.unwrap();
    one.forget(clinic);
    store.is_late.store(true, Ordering::SeqCst);
    let (loaded, ()) = tokio::join!(one.keys(clinic), async {
        store.asked.notified().await;
        one.forget_where(|held| held == clinic);
        store.answer.notify_one();
    });
    loaded.unwrap();
    assert!(one.held(clinic).is_none());
}

#[test]
fn a_key_file_is_its_owners_alone() {
    let folder = std::env::temp_dir().join(Uuid::now_v7().to_string());
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("keys");
    let file = KeyFile::at(&path);
    assert!(file.keys().is_err());
    file.create_absent().unwrap();
    let first = file.keys().unwrap();
    file.create_absent().unwrap();
    assert_eq!(file.keys().unwrap()[0].id(), first[0].id(), "a file that exists is left as it is");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let error = file.keys().unwrap_err().to_string();
    assert!(error.contains("chmod 600"), "{error}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn many_that_make_one_key_file_get_one_whole_key() {
    let folder = std::env::temp_dir().join(Uuid::now_v7().to_string());
    std::fs::create_dir(&folder).unwrap();
    for round in 0..20 {
        let path = folder.join(format!("keys-{round}"));
        let make = || {
            let file = KeyFile::at(&path);
            file.create_absent().unwrap();
            file.keys().unwrap()[0].id()
        };
        let ids: Vec<_> = std::thread::scope(|scope| {
            let makers: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
            makers.into_iter().map(|maker| maker.join().unwrap()).collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]), "nobody has a key of their own");
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 20, "nothing else is left");
    std::fs::remove_dir_all(folder).unwrap();
}
