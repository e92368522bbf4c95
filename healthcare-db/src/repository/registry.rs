//! Every statement of the repositories, for the tests that prepare and explain them on both databases.
#![allow(clippy::unwrap_used)]

use super::{break_glass, claims, keys, outbox, relation, select::Select, store, tail, tiers, write};
use crate::statement::{Clinic, Composed, House, Statement};
use healthcare_core::{
    AllergyIntolerance, Appointment, BlindToken, BreakGlass, Clinic as ClinicRecord, Condition, Encounter,
    Immunization, Interval, Location, MedicationRequest, Observation, Patient, PlainColumn, Practitioner,
    Procedure, Profile, Record, RowFilter, Service, Value,
};
use jiff::Timestamp;
use std::sync::Arc;
use uuid::Uuid;

pub(crate) const CLINIC: &[(&str, Statement<Clinic>)] = &[
    ("store::FORGET", store::FORGET),
    ("store::REMEMBERED", store::REMEMBERED),
    ("write::REMEMBER", write::REMEMBER),
    ("write::SUBJECT_KEY", write::SUBJECT_KEY),
    ("write::NEW_SUBJECT_KEY", write::NEW_SUBJECT_KEY),
    ("write::FORGET_TOKENS", write::FORGET_TOKENS),
    ("claims::RELEASE", claims::RELEASE),
    ("claims::PLACE", claims::PLACE),
    ("claims::TAKEN", claims::TAKEN),
    ("relation::TREATS", relation::TREATS),
    ("break_glass::OPEN_UNTIL", break_glass::OPEN_UNTIL),
    ("break_glass::OPEN_COUNT", break_glass::OPEN_COUNT),
];

pub(crate) const HOUSE: &[(&str, Statement<House>)] = &[
    ("keys::GET", keys::GET),
    ("keys::PUT", keys::PUT),
    ("keys::CLINICS", keys::CLINICS),
    ("outbox::LEASE", outbox::LEASE),
    ("outbox::DELIVERED", outbox::DELIVERED),
    ("outbox::RETRY", outbox::RETRY),
    ("outbox::PURGE", outbox::PURGE),
    ("outbox::SINCE", tail::SINCE),
    ("tiers::HOLD", tiers::HOLD),
    ("tiers::HELD", tiers::HELD),
    ("tiers::LEAVE", tiers::LEAVE),
];

pub(crate) use claims::{PLACE as PLACE_CLAIM, RELEASE as RELEASE_CLAIMS, TAKEN as TAKEN_CLAIMS};

/// The texts that are composed for each kind of record, under a filter that has every part a filter can have.
pub(crate) fn composed() -> Vec<(String, Composed)> {
    let mut all = Vec::new();
    kind::<ClinicRecord>(&mut all);
    kind::<Location>(&mut all);
    kind::<Service>(&mut all);
    kind::<Practitioner>(&mut all);
    kind::<Patient>(&mut all);
    kind::<Appointment>(&mut all);
    kind::<Encounter>(&mut all);
    kind::<Condition>(&mut all);
    kind::<Observation>(&mut all);
    kind::<MedicationRequest>(&mut all);
    kind::<AllergyIntolerance>(&mut all);
    kind::<Procedure>(&mut all);
    kind::<Immunization>(&mut all);
    kind::<BreakGlass>(&mut all);
    for size in [1, 8] {
        let columns = &["kind", "field", "token", "record_id"];
        all.push((
            format!("blind_index insert {size}"),
            write::insert_group("blind_index", columns, size).unwrap(),
        ));
        all.push((
            format!("outbox insert {size}"),
            write::insert_group("outbox", write::OUTBOX_COLUMNS, size).unwrap(),
        ));
    }
    within(&mut all);
    let waiting = break_glass::unreviewed(Select::of::<BreakGlass>(&filter()).unwrap());
    all.push(("break_glass unreviewed".to_owned(), waiting.build().unwrap().0));
    all
}

fn filter() -> RowFilter {
    let party = |kind: &'static str| RowFilter::Related(Profile { kind: kind.into(), id: Uuid::nil() });
    let ids: Arc<[Uuid]> = Arc::new([Uuid::nil(), Uuid::max()]);
    let any =
        RowFilter::Any(Arc::new([RowFilter::In("id".into(), ids), party("practitioner"), party("patient")]));
    RowFilter::Every(Arc::new([any, RowFilter::All]))
}

fn kind<T: Record>(all: &mut Vec<(String, Composed)>) {
    let mut put = |name: &str, text: Composed| all.push((format!("{} {name}", T::KIND), text));
    let mut find = Select::of::<T>(&RowFilter::All).unwrap();
    find.and_id(Uuid::nil());
    put("find", find.build().unwrap().0);
    let mut list = Select::of::<T>(&filter()).unwrap();
    list.and_subject(Uuid::nil());
    list.and_after(Uuid::nil());
    list.order_by_id(51);
    put("list", list.build().unwrap().0);
    let mut search = Select::of::<T>(&filter()).unwrap();
    let token = BlindToken { field: "family", token: vec![0; 16] };
    search.and_tokens(T::KIND, &[token.clone(), token]);
    search.order_by_found(Some(Uuid::nil()), 51);
    put("search", search.build().unwrap().0);
    let columns: &'static [PlainColumn] = T::COLUMNS;
    put("insert", write::insert(T::KIND, columns, false).unwrap());
    put("insert absent", write::insert(T::KIND, columns, true).unwrap());
    put("update", write::update(T::KIND, columns).unwrap());
    put("delete", write::delete(T::KIND).unwrap());
    put("exists", write::exists(T::KIND).unwrap());
}

fn within(all: &mut Vec<(String, Composed)>) {
    let mut within = Select::of::<Appointment>(&filter()).unwrap();
    within.and_overlaps(&Interval::new(Timestamp::UNIX_EPOCH, Timestamp::MAX).unwrap());
    within.and_starts_after((Timestamp::UNIX_EPOCH, Uuid::nil()));
    within.order_by_start(51);
    all.push(("appointment within".to_owned(), within.build().unwrap().0));
}

/// The statements that carry the load, as the repositories compose them.
pub(crate) fn hot() -> Vec<(&'static str, Composed, Vec<Value>)> {
    let mut find = Select::of::<Patient>(&RowFilter::All).unwrap();
    find.and_id(Uuid::max());
    let mut list = Select::of::<Patient>(&RowFilter::All).unwrap();
    list.and_after(Uuid::max());
    list.order_by_id(51);
    let token = |n| BlindToken { field: "family", token: vec![n; 16] };
    let search = |tokens: &[BlindToken], after| {
        let mut search = Select::of::<Patient>(&RowFilter::All).unwrap();
        search.and_tokens(Patient::KIND, tokens);
        search.order_by_found(after, 51);
        search
    };
    let day = Interval::new(Timestamp::UNIX_EPOCH, Timestamp::from_second(86_400).unwrap()).unwrap();
    let mut within = Select::of::<Appointment>(&RowFilter::All).unwrap();
    let practitioner = within.bind(Value::Uuid(Uuid::max()));
    within.and(&format!("t.practitioner_id = {practitioner}"));
    within.and_overlaps(&day);
    within.order_by_start(51);
    let all = [
        ("find", find),
        ("list", list),
        ("search", search(&[token(1)], None)),
        ("search by two", search(&[token(1), token(2)], None)),
        ("search, next page", search(&[token(1)], Some(Uuid::nil()))),
        ("within", within),
    ];
    all.into_iter()
        .map(|(name, select)| select.build().map(|(text, values)| (name, text, values)).unwrap())
        .collect()
}
