//! Rows on their way through a cache outside the process.
#![cfg(all(feature = "crypto", feature = "testing", feature = "clinical"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use healthcare_core::{
    AccessError, CacheKeys, Create, Id, MemoryKeys, MemoryScopeKeys, MemoryStore, Patient, Phi, Profile,
    Read, Reader, Row, RowFilter, Sealed, Vault, Write, Writer, patient, record, testing::Stage,
};
use std::{sync::Arc, time::Duration};

const LIFE: Duration = Duration::from_millis(1_800_500);

fn somebody(id: Id<Patient>, stage: &Stage) -> Patient {
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
    Patient::new(id, stage.clinic, patient::Plain { active: true }, protected)
}

struct It {
    stage: Stage,
    keys: Arc<CacheKeys>,
    abroad: Arc<CacheKeys>,
    id: Id<Patient>,
    bytes: Vec<u8>,
}

async fn it() -> It {
    let stage = Stage::default();
    let keys = MemoryKeys::random().unwrap();
    let cipher = Arc::new(Vault::new(&keys, Arc::new(MemoryScopeKeys::default())).unwrap()).cache_cipher();
    let (keys, abroad) = (cipher.keys(stage.clinic).await.unwrap(), cipher.keys(stage.other).await.unwrap());
    let id = Id::random();
    let row = stage.door().seal(somebody(id, &stage));
    let bytes = stage.door().seal_cached(&keys, b"7", LIFE, &row).unwrap();
    It { stage, keys, abroad, id, bytes }
}

impl It {
    fn open(&self, keys: &CacheKeys, context: &[u8], bytes: &[u8]) -> Option<Sealed<Patient>> {
        let opened = self.stage.door().open_cached(keys, context, bytes);
        opened.ok().map(|(row, life)| {
            assert_eq!(life, LIFE);
            row
        })
    }
}

#[tokio::test]
async fn a_row_comes_back_as_it_was_and_as_closed_as_it_was() {
    let it = it().await;
    let row = it.open(&it.keys, b"7", &it.bytes).unwrap();
    assert_eq!((row.version(), row.subject(), row.is_joined()), (0, Some(it.id.as_uuid()), false));
    let grant = it.stage.boundary.gate.open(&it.stage.context(), Read::new(it.id)).await.unwrap();
    let released = grant.release(Row::of(Some(row))).await.unwrap();
    assert_eq!(released.reveal(patient::Family).unwrap().as_str(), "Canaryname");
    assert!(released.active);
    assert_eq!(released.reveal(patient::ElectronicMail).unwrap(), &None);
}

#[tokio::test]
async fn a_cached_row_opens_in_its_own_place_alone() {
    let it = it().await;
    assert!(it.open(&it.keys, b"8", &it.bytes).is_none(), "another context");
    assert!(it.open(&it.abroad, b"7", &it.bytes).is_none(), "another clinic");
    for bit in 0..it.bytes.len() * 8 {
        let mut changed = it.bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(it.open(&it.keys, b"7", &changed).is_none(), "bit {bit}");
    }
    for length in 0..it.bytes.len() {
        assert!(it.open(&it.keys, b"7", &it.bytes[..length]).is_none(), "length {length}");
    }
}

#[tokio::test]
async fn who_may_seal_values_cannot_read_rows() {
    let it = it().await;
    assert!(!it.bytes.windows(6).any(|part| part.eq_ignore_ascii_case(b"canary")));
    let id = it.id.as_uuid();
    let guesses: [&[u8]; 3] = [b"7", b"", id.as_bytes()];
    assert!(guesses.iter().all(|context| it.keys.open(context, &it.bytes).is_err()));
    let forged = it.keys.seal(b"7", b"{}").unwrap();
    assert!(it.open(&it.keys, b"7", &forged).is_none());
}

#[tokio::test]
async fn a_row_of_another_boundary_or_clinic_is_not_sealed() {
    let it = it().await;
    let seal = |keys, row| it.stage.door().seal_cached(keys, b"7", LIFE, row);
    let foreign = Stage::default().door().seal(somebody(it.id, &it.stage));
    assert!(matches!(seal(&it.keys, &foreign), Err(AccessError::ForeignGate)));
    let own = it.stage.door().seal(somebody(it.id, &it.stage));
    assert!(matches!(seal(&it.abroad, &own), Err(AccessError::ForeignGate)));
}

#[tokio::test]
async fn a_row_that_a_join_decided_is_not_sealed() {
    let it = it().await;
    let store = MemoryStore::new(it.stage.door());
    let grant = it.stage.boundary.gate.open(&it.stage.context(), Create::new(it.id)).await.unwrap();
    let change = grant.fill(somebody(it.id, &it.stage)).await.unwrap();
    let touched: Vec<_> = change.touched().collect();
    assert_eq!(touched.len(), 1);
    assert_eq!((touched[0].how, touched[0].kind), (Write::Insert, "patient"));
    assert_eq!((touched[0].id, touched[0].subject), (it.id.as_uuid(), Some(it.id.as_uuid())));
    store.commit(change).await.unwrap();

    let party = Profile { kind: "practitioner".into(), id: uuid::Uuid::now_v7() };
    store.relate(it.stage.clinic, party.clone(), it.id.as_uuid());
    it.stage.policy.filter(RowFilter::Related(party));
    let grant = it.stage.boundary.gate.open(&it.stage.context(), Read::new(it.id)).await.unwrap();
    assert!(grant.joins());
    let row: Row<Patient> = store.find(&grant).await.unwrap();
    let sealed = row.sealed().unwrap();
    assert!(sealed.is_joined());
    let refused = it.stage.door().seal_cached(&it.keys, b"7", LIFE, sealed);
    assert!(matches!(refused, Err(AccessError::ForeignGate)));
    drop(grant);
}

mod older {
    healthcare_core::record! {
        pub struct Customer in customer = "customer" {
            subject: this,
            plain { vip: bool },
            protected { Name = name: String },
        }
    }
}

record! {
    pub struct Customer in customer = "customer" {
        subject: this,
        plain { vip: bool },
        protected { Name = name: String, Note = note: Option<String> },
    }
}

/// Two releases side by side: a field that the older one does not know would read as null.
#[tokio::test]
async fn a_program_with_other_fields_does_not_read_the_row() {
    let it = it().await;
    let door = it.stage.door();
    let id = Id::<older::Customer>::random();
    let protected = older::customer::Protected { name: Phi::new("Ada".into()) };
    let row = older::Customer::new(id, it.stage.clinic, older::customer::Plain { vip: true }, protected);
    let bytes = door.seal_cached(&it.keys, b"7", LIFE, &door.seal(row)).unwrap();
    assert!(door.open_cached::<older::Customer>(&it.keys, b"7", &bytes).is_ok());
    assert!(door.open_cached::<Customer>(&it.keys, b"7", &bytes).is_err());
}
