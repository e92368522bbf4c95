use super::*;
use crate::{CodecError, Namer};
use async_trait::async_trait;
use healthcare_core::{
    Id, KeyError, KeyId, MasterKey, MemoryKeys, MemoryScopeKeys, Phi, ScopeKeyStore, Vault, WrappedKey,
    record, testing::Stage,
};
use proptest::prelude::*;
use uuid::Uuid;

const LIFE: Duration = Duration::from_millis(90_500);
const KEY: Mark = Mark(*b"mark of the key!");

fn cipher(store: Arc<dyn ScopeKeyStore>) -> CacheCipher {
    let master = MasterKey::new(KeyId::from_bytes([1; 8]), [2; 32]);
    Arc::new(Vault::new(&MemoryKeys::new([master]), store).unwrap()).cache_cipher()
}

fn wire() -> Wire<String> {
    Wire::new(cipher(Arc::new(MemoryScopeKeys::default())), coded(JsonCodec))
}

/// For what awaits nothing but keys in memory.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let future = std::pin::pin!(future);
    match future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("it awaits something"),
    }
}

fn pack(wire: &Wire<String>, clinic: ClinicId, key: Mark, value: &str) -> Vec<u8> {
    ready(wire.pack(clinic, key, LIFE, &value.to_owned())).unwrap()
}

fn unpack(wire: &Wire<String>, clinic: ClinicId, key: Mark, bytes: &[u8]) -> Option<String> {
    let unpacked = ready(wire.unpack(clinic, key, bytes))?;
    assert_eq!(unpacked.life, LIFE);
    Some(unpacked.value)
}

#[test]
fn a_value_comes_back_with_its_life() {
    let (wire, clinic) = (wire(), ClinicId::random());
    for value in ["", "Ada", &"Ada ".repeat(10_000)] {
        assert_eq!(unpack(&wire, clinic, KEY, &pack(&wire, clinic, KEY, value)).as_deref(), Some(value));
    }
}

#[test]
fn long_values_are_squeezed_and_nothing_of_any_is_seen() {
    let (wire, clinic) = (wire(), ClinicId::random());
    let long = "Canaryname, Ada; ".repeat(4_000);
    let bytes = pack(&wire, clinic, KEY, &long);
    assert!(bytes.len() * 2 < long.len(), "{} bytes", bytes.len());
    for bytes in [bytes, pack(&wire, clinic, KEY, "Canaryname")] {
        assert!(!bytes.windows(6).any(|part| part.eq_ignore_ascii_case(b"canary")));
        assert!(!bytes.windows(16).any(|part| part == KEY.0 || part == clinic.as_uuid().as_bytes()));
    }
    assert!(!format!("{wire:?}").contains("anary"));
}

#[test]
fn bytes_of_another_clinic_or_key_are_a_miss() {
    let (wire, here, there) = (wire(), ClinicId::random(), ClinicId::random());
    let bytes = pack(&wire, here, KEY, "Ada");
    assert_eq!(unpack(&wire, there, KEY, &bytes), None, "another clinic");
    assert_eq!(unpack(&wire, here, Mark([0; 16]), &bytes), None, "another key");
    assert_eq!(unpack(&wire, here, KEY, &bytes).as_deref(), Some("Ada"));
}

#[test]
fn changed_and_cut_bytes_are_a_miss() {
    let (wire, clinic) = (wire(), ClinicId::random());
    for value in ["Ada", &"Ada ".repeat(1_000)] {
        let bytes = pack(&wire, clinic, KEY, value);
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(unpack(&wire, clinic, KEY, &changed), None, "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert_eq!(unpack(&wire, clinic, KEY, &bytes[..length]), None, "length {length}");
        }
        assert_eq!(unpack(&wire, clinic, KEY, &[bytes, vec![0]].concat()), None, "longer");
    }
}

/// A codec that writes and reads anything, so that a test can put what it likes under a good seal.
#[derive(Debug)]
struct Raw;

impl CacheCodec<Vec<u8>> for Raw {
    fn encode(&self, value: &Vec<u8>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(value);
        Ok(())
    }
    fn decode(&self, bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
        Ok(bytes.to_vec())
    }
}

#[test]
fn what_the_codec_cannot_read_is_a_miss() {
    let (cipher, clinic) = (cipher(Arc::new(MemoryScopeKeys::default())), ClinicId::random());
    let raw = Wire::new(cipher.clone(), coded(Raw));
    let wire: Wire<String> = Wire::new(cipher, coded(JsonCodec));
    let bytes = ready(raw.pack(clinic, KEY, LIFE, &b"\"Ada\" and more".to_vec())).unwrap();
    assert_eq!(unpack(&wire, clinic, KEY, &bytes), None);
    let bytes = ready(raw.pack(clinic, KEY, LIFE, &b"\"Ada\"".to_vec())).unwrap();
    assert_eq!(unpack(&wire, clinic, KEY, &bytes).as_deref(), Some("Ada"));
}

#[test]
fn what_would_not_be_unpacked_is_not_packed_and_a_sealed_bomb_is_a_miss() {
    let (cipher, clinic) = (cipher(Arc::new(MemoryScopeKeys::default())), ClinicId::random());
    let raw = Wire::new(cipher.clone(), coded(Raw));
    let most = vec![0; envelope::PAYLOAD_MAX];
    let bytes = ready(raw.pack(clinic, KEY, LIFE, &most)).unwrap();
    assert_eq!(ready(raw.unpack(clinic, KEY, &bytes)).map(|it| it.value.len()), Some(most.len()));
    assert!(ready(raw.pack(clinic, KEY, LIFE, &[most.as_slice(), &[0]].concat())).is_none());

    let keys = cipher.held(clinic).unwrap();
    let sealed = |announced: usize| {
        let block = lz4_flex::block::compress(&vec![0; envelope::PAYLOAD_MAX + 1]);
        let length = u32::try_from(announced).unwrap().to_le_bytes();
        let content = [[0; 8].as_slice(), &length, &block].concat();
        let sealed = keys.seal(&envelope::context(KEY, 1), &content).unwrap();
        [[1, 1].as_slice(), &sealed].concat()
    };
    for announced in [envelope::PAYLOAD_MAX + 1, usize::try_from(u32::MAX).unwrap(), 1_000] {
        assert!(ready(raw.unpack(clinic, KEY, &sealed(announced))).is_none(), "announced as {announced}");
    }
}

#[test]
fn values_under_a_replaced_key_are_a_miss() {
    let clinic = ClinicId::random();
    let old = wire();
    let bytes = pack(&old, clinic, KEY, "Ada");
    assert_eq!(unpack(&wire(), clinic, KEY, &bytes), None);
}

record! {
    pub struct Customer in customer = "customer" {
        subject: this,
        plain { vip: bool },
        protected { Name = name: String },
    }
}

#[test]
fn a_row_comes_back_sealed_in_its_own_place_alone() {
    let stage = Stage::default();
    let cipher = cipher(Arc::new(MemoryScopeKeys::default()));
    let wire: Wire<Sealed<Customer>> = Wire::new(cipher.clone(), rows(stage.door()));
    let id = Id::random();
    let protected = customer::Protected { name: Phi::new("Canaryname".into()) };
    let row = Customer::new(id, stage.clinic, customer::Plain { vip: true }, protected);
    let bytes = ready(wire.pack(stage.clinic, KEY, LIFE, &stage.door().seal(row))).unwrap();
    assert!(!bytes.windows(6).any(|part| part.eq_ignore_ascii_case(b"canary")));

    let unpack = |bytes: &[u8]| ready(wire.unpack(stage.clinic, KEY, bytes));
    let unpacked = unpack(&bytes).unwrap();
    assert_eq!((unpacked.value.subject(), unpacked.life), (Some(id.as_uuid()), LIFE));
    assert!(ready(wire.unpack(stage.other, KEY, &bytes)).is_none(), "another clinic");
    assert!(ready(wire.unpack(stage.clinic, Mark([0; 16]), &bytes)).is_none(), "another key");
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(unpack(&changed).is_none(), "bit {bit}");
    }
    let raw = Wire::new(cipher, coded(Raw));
    assert!(ready(raw.unpack(stage.clinic, KEY, &bytes)).is_none(), "no codec reads a row");
    for form in 0..=1 {
        let dressed = [&[1, form], &bytes[2..]].concat();
        assert!(ready(raw.unpack(stage.clinic, KEY, &dressed)).is_none(), "nor as form {form}");
    }
    let value = ready(raw.pack(stage.clinic, KEY, LIFE, &b"{}".to_vec())).unwrap();
    assert!(unpack(&value).is_none(), "no value is a row");
}

/// Knows one wrapped key, and makes none.
#[derive(Debug)]
struct Fixed(Option<WrappedKey>);

#[async_trait]
impl ScopeKeyStore for Fixed {
    async fn get(&self, _: ClinicId) -> Result<Option<WrappedKey>, KeyError> {
        Ok(self.0.clone())
    }
    async fn put_absent(&self, _: ClinicId, _: WrappedKey) -> Result<WrappedKey, KeyError> {
        Err(KeyError::System)
    }
}

#[test]
fn without_keys_nothing_is_packed_and_everything_is_a_miss() {
    let clinic = ClinicId::random();
    let bytes = pack(&wire(), clinic, KEY, "Ada");
    let wire: Wire<String> = Wire::new(cipher(Arc::new(Fixed(None))), coded(JsonCodec));
    assert!(ready(wire.pack(clinic, KEY, LIFE, &"Ada".to_owned())).is_none());
    assert_eq!(unpack(&wire, clinic, KEY, &bytes), None);
}

fn bytes_of(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// What the first version wrote opens for ever, or is given another version number.
#[test]
fn the_form_stays_what_it_is() {
    let clinic = ClinicId::from_uuid(Uuid::from_u128(7));
    let store = Fixed(Some(WrappedKey(bytes_of(GOLDEN_KEY))));
    let wire: Wire<String> = Wire::new(cipher(Arc::new(store)), coded(JsonCodec));
    assert_eq!(unpack(&wire, clinic, KEY, &bytes_of(GOLDEN_PLAIN)).as_deref(), Some("Ada"));
    assert_eq!(unpack(&wire, clinic, KEY, &bytes_of(GOLDEN_SQUEEZED)), Some("Ada ".repeat(1_000)));
}
const GOLDEN_KEY: &str = "0101010101010101014dd3c479f7c11aa66a3720d80056ac5316f8c8ddb07e821d15a1097ecccd76ef5f1113d41976d6051ea5833f3b23c42d44102b1b572cc7e0f429ceb7e9cf8fd3f09c3e5f";
const GOLDEN_PLAIN: &str = "010013139b782a1adf5c01743edc6da64126acda00f5dfab20236aefc065ab2c57ccf217f7867d7cb7629d12a475fcbf63fdaf57c31f7031301c174e";
const GOLDEN_SQUEEZED: &str = "010113139b782a1adf5c01743edc6da64126ac3787a66cccb9409f48230b0a54ed4ba638edda316091a70a6c0bf502554882d6f9913409a319b926cb19df0c46df2d3c9f97fd2950f4edc2cdcde9274cde30f00dbf1659c29085";

proptest! {
    #[test]
    fn any_value_comes_back(value: String, life_ms: u64, mark: [u8; 16]) {
        let (wire, clinic) = (wire(), ClinicId::random());
        let life = Duration::from_millis(life_ms);
        let bytes = ready(wire.pack(clinic, Mark(mark), life, &value)).unwrap();
        let unpacked = ready(wire.unpack(clinic, Mark(mark), &bytes)).unwrap();
        prop_assert_eq!((unpacked.value, unpacked.life), (value, life));
    }

    #[test]
    fn any_bytes_are_a_miss_and_no_panic(bytes: Vec<u8>, form in 0_u8..4) {
        let (wire, clinic) = (wire(), ClinicId::random());
        pack(&wire, clinic, KEY, "Ada");
        prop_assert_eq!(unpack(&wire, clinic, KEY, &bytes), None);
        prop_assert_eq!(unpack(&wire, clinic, KEY, &[&[1, form], bytes.as_slice()].concat()), None);
    }

    /// Separators, the empty text, Unicode, long ones: no two places share a name in the shared tier.
    #[test]
    fn no_two_places_share_a_name(one in place(), other in place()) {
        let namer = Namer::with_key([5; 16]);
        let marks = |(clinic, text, id): &(u128, String, u128)| {
            let clinic = ClinicId::from_uuid(Uuid::from_u128(*clinic));
            [namer.tag(clinic, text), namer.subject(clinic, Uuid::from_u128(*id)), Mark(namer.scope(clinic).0)]
        };
        let (first, second) = (marks(&one), marks(&other));
        prop_assert_eq!(first[0] == second[0], (one.0, &one.1) == (other.0, &other.1));
        prop_assert_eq!(first[1] == second[1], (one.0, one.2) == (other.0, other.2));
        prop_assert_eq!(first[2] == second[2], one.0 == other.0);
        prop_assert!(first[0] != second[1] && first[1] != second[2] && first[2] != second[0]);
    }
}

fn place() -> impl Strategy<Value = (u128, String, u128)> {
    let text = prop_oneof!["[a:{}/|\\x00]{0,4}", any::<String>(), "a{0,300}",];
    (0_u128..3, text, 0_u128..3)
}
