use super::Stage;
use crate::{
    AccessError, AllergyIntolerance, ChartReader, Coded, Committed, Condition, Create, Criteria, Delete,
    Encounter, Id, Immunization, List, MedicationRequest, MemoryStore, Observation, PageRequest, Part,
    Patient, Period, Phi, Procedure, Read, ReadChart, Reader, Record, RequestContext, RowFilter, Search,
    Searcher, StorageDoor, Update, Writer, condition, encounter, patient,
};
use std::{collections::BTreeSet, future::Future, sync::Arc};
use uuid::Uuid;

/// A store in memory whose charts have every kind there is.
#[must_use]
pub fn charting(store: MemoryStore) -> MemoryStore {
    store
        .charting::<Encounter>()
        .charting::<Condition>()
        .charting::<Observation>()
        .charting::<MedicationRequest>()
        .charting::<AllergyIntolerance>()
        .charting::<Procedure>()
        .charting::<Immunization>()
}

/// The contract of storage for records: reading, writing, listing, searching, charts, isolation, filters. `make` makes an
/// empty store behind a door.
pub async fn records<S, F>(make: impl Fn(StorageDoor) -> F)
where
    S: Reader<Patient> + Writer<Patient> + Searcher<Patient> + ChartReader<Patient> + Writer<Condition>,
    F: Future<Output = S>,
{
    let stage = Stage::default();
    let store = make(stage.door()).await;
    let suite = Suite { stage, store };
    suite.stores_and_reads().await;
    suite.guards_versions().await;
    suite.keeps_clinics_apart().await;
    suite.applies_filters().await;
    suite.lists_in_pages().await;
    suite.searches().await;
    suite.collects_charts().await;
    suite.keeps_what_is_there().await;
    suite.deletes().await;
    suite.refuses_a_foreign_door().await;
}

struct Suite<S> {
    stage: Stage,
    store: S,
}

fn ada(id: Id<Patient>, clinic: crate::ClinicId, family: &str) -> Patient {
    let none = Phi::new(None);
    Patient::new(
        id,
        clinic,
        patient::Plain { active: true },
        patient::Protected {
            family: Phi::new(family.to_owned()),
            given: Phi::new("Ada Maria".to_owned()),
            birth_date: Phi::new(Some(jiff::civil::date(1980, 12, 10))),
            gender: Phi::new(None),
            phone: Phi::new(Some("+442079460018".to_owned())),
            email: Phi::new(None),
            address: Phi::new(None),
            record_number: Phi::new("MRN-7".parse().ok()),
            deceased: none,
        },
    )
}

impl<S> Suite<S>
where
    S: Reader<Patient> + Writer<Patient> + Searcher<Patient> + ChartReader<Patient> + Writer<Condition>,
{
    async fn add(
        &self,
        context: &RequestContext,
        id: Id<Patient>,
        family: &str,
    ) -> Result<Committed, AccessError> {
        let grant = self.stage.boundary.gate.open(context, Create::new(id)).await?;
        let change = grant.fill(ada(id, context.clinic(), family)).await?.event("patient.created");
        self.store.commit(change).await
    }

    async fn family(&self, context: &RequestContext, id: Id<Patient>) -> Result<String, AccessError> {
        let grant = self.stage.boundary.gate.open(context, Read::new(id)).await?;
        let row = self.store.find(&grant).await?;
        let patient = grant.release(row).await?;
        Ok(patient.reveal(patient::Family).unwrap().clone())
    }

    async fn rename(
        &self,
        context: &RequestContext,
        id: Id<Patient>,
        family: &str,
    ) -> Result<Committed, AccessError> {
        let grant = self.stage.boundary.gate.open(context, Update::new(id)).await?;
        let row = self.store.find_for_update(&grant).await?;
        let mut draft = grant.edit(row).await?;
        draft.set(patient::Family, Phi::new(family.to_owned())).unwrap();
        self.store.commit(draft.change().await?).await
    }

    async fn found(&self, context: &RequestContext, criteria: Criteria<Patient>) -> Vec<Id<Patient>> {
        let grant = self.stage.boundary.gate.open(context, Search::all()).await.unwrap();
        let rows = self.store.search(&grant, &criteria, &PageRequest::default()).await.unwrap();
        grant.release(rows).await.unwrap().items.iter().map(|patient| patient.id()).collect()
    }

    async fn stores_and_reads(&self) {
        let (context, id) = (self.stage.context(), Id::random());
        let committed = self.add(&context, id, "Lovelace").await.unwrap();
        assert_eq!(committed.version, 1);
        let grant = self.stage.boundary.gate.open(&context, Read::new(id)).await.unwrap();
        let row = self.store.find(&grant).await.unwrap();
        let stored = grant.release(row).await.unwrap();
        assert_eq!((stored.version(), stored.active, stored.subject()), (1, true, Some(id.as_uuid())));
        assert_eq!(stored.reveal(patient::Family).unwrap(), "Lovelace");
        assert_eq!(*stored.reveal(patient::BirthDate).unwrap(), Some(jiff::civil::date(1980, 12, 10)));
        assert_eq!(stored.reveal(patient::Number).unwrap().as_ref().unwrap().as_str(), "MRN-7");
        let again = self.add(&context, id, "Lovelace").await;
        assert!(matches!(again, Err(AccessError::AlreadyExists)), "{again:?}");
        let missing = self.family(&context, Id::random()).await;
        assert!(matches!(missing, Err(AccessError::NotFound)), "{missing:?}");
    }

    async fn guards_versions(&self) {
        let (context, id) = (self.stage.context(), Id::random());
        self.add(&context, id, "Byron").await.unwrap();
        let mut drafts = Vec::new();
        for family in ["King", "Noel"] {
            let grant = self.stage.boundary.gate.open(&context, Update::new(id)).await.unwrap();
            let row = self.store.find_for_update(&grant).await.unwrap();
            let mut draft = grant.edit(row).await.unwrap();
            draft.set(patient::Family, Phi::new(family.to_owned())).unwrap();
            drafts.push(draft);
        }
        let mut results = Vec::new();
        for draft in drafts {
            results.push(self.store.commit(draft.change().await.unwrap()).await);
        }
        assert_eq!(results[0].as_ref().unwrap().version, 2);
        assert!(matches!(results[1], Err(AccessError::VersionConflict)), "{:?}", results[1]);
        assert_eq!(self.family(&context, id).await.unwrap(), "King");
        let gone = self.rename(&context, Id::random(), "Nobody").await;
        assert!(matches!(gone, Err(AccessError::NotFound)), "{gone:?}");
    }

    async fn keeps_clinics_apart(&self) {
        let (here, there, id) = (self.stage.context(), self.stage.context_in(self.stage.other), Id::random());
        self.add(&here, id, "Here").await.unwrap();
        assert!(matches!(self.family(&there, id).await, Err(AccessError::NotFound)));
        assert!(matches!(self.rename(&there, id, "Theirs").await, Err(AccessError::NotFound)));
        assert!(
            self.found(&there, Criteria::new().field(patient::Family, &Phi::new("Here".into())))
                .await
                .is_empty()
        );
        self.add(&there, id, "There").await.expect("ids of two clinics do not meet");
        assert_eq!(self.family(&here, id).await.unwrap(), "Here");
        assert_eq!(self.family(&there, id).await.unwrap(), "There");
    }

    async fn applies_filters(&self) {
        let (context, mine, other) = (self.stage.context(), Id::random(), Id::random());
        self.add(&context, mine, "Mine").await.unwrap();
        self.add(&context, other, "Other").await.unwrap();
        let only: Arc<[Uuid]> = Arc::new([mine.as_uuid()]);
        self.stage.policy.filter(RowFilter::In("id".into(), only));
        assert_eq!(self.family(&context, mine).await.unwrap(), "Mine");
        assert!(matches!(self.family(&context, other).await, Err(AccessError::NotFound)));
        let grant = self.stage.boundary.gate.open(&context, List::all()).await.unwrap();
        let rows = self.store.list(&grant, &PageRequest::default()).await.unwrap();
        assert_eq!(rows.len(), 1, "the filter is part of the query");
        let listed: Vec<Id<Patient>> =
            grant.release(rows).await.unwrap().items.iter().map(|p| p.id()).collect();
        assert_eq!(listed, [mine]);
        self.stage.policy.filter(RowFilter::Nothing);
        assert!(matches!(self.family(&context, mine).await, Err(AccessError::NotFound)));
        self.stage.policy.filter(RowFilter::In("no_such_column".into(), Arc::new([mine.as_uuid()])));
        assert!(self.family(&context, mine).await.is_err(), "an unknown fact gives nothing");
        self.stage.policy.filter(RowFilter::All);
    }

    async fn lists_in_pages(&self) {
        let context = self.stage.context_in(crate::ClinicId::random());
        let mut ids = BTreeSet::new();
        for _ in 0..7 {
            let id = Id::<Patient>::random();
            self.add(&context, id, "Many").await.unwrap();
            ids.insert(id);
        }
        let (mut seen, mut page) = (Vec::new(), PageRequest::first(3).unwrap());
        loop {
            let grant = self.stage.boundary.gate.open(&context, List::<Patient>::all()).await.unwrap();
            let rows = self.store.list(&grant, &page).await.unwrap();
            let got = grant.release(rows).await.unwrap();
            assert!(got.items.len() <= 3);
            seen.extend(got.items.iter().map(|patient| patient.id()));
            match got.next {
                Some(next) => page = page.after(Some(next)),
                None => break,
            }
        }
        assert_eq!(seen, ids.into_iter().collect::<Vec<_>>(), "each row once, in the order of ids");
        let forged = PageRequest::default().after(Some(crate::Cursor::new("forged")));
        let grant = self.stage.boundary.gate.open(&context, List::<Patient>::all()).await.unwrap();
        assert!(matches!(self.store.list(&grant, &forged).await, Err(AccessError::InvalidCursor)));
    }

    async fn searches(&self) {
        let context = self.stage.context_in(crate::ClinicId::random());
        let (one, two) = (Id::random(), Id::random());
        self.add(&context, one, "Nightingale-Smythe").await.unwrap();
        self.add(&context, two, "Seacole").await.unwrap();
        let family = |text: &str| Criteria::new().field(patient::Family, &Phi::new(text.to_owned()));
        assert_eq!(self.found(&context, family("nightin")).await, [one]);
        assert_eq!(self.found(&context, family("SMYTHE")).await, [one]);
        let born = Phi::new(Some(jiff::civil::date(1980, 12, 10)));
        let both = family("seacole").field(patient::BirthDate, &born);
        assert_eq!(self.found(&context, both).await, [two], "all criteria must match");
        let other = Phi::new(Some(jiff::civil::date(1981, 12, 10)));
        assert!(self.found(&context, family("seacole").field(patient::BirthDate, &other)).await.is_empty());
        assert!(self.found(&context, Criteria::new()).await.is_empty(), "no criterion finds nothing");
        assert!(self.found(&context, family("")).await.is_empty(), "an empty criterion finds nothing");
        self.rename(&context, one, "Barton").await.unwrap();
        assert!(self.found(&context, family("nightin")).await.is_empty(), "an old name is forgotten");
        assert_eq!(self.found(&context, family("barton")).await, [one]);
    }

    async fn collects_charts(&self) {
        let (context, id) = (self.stage.context(), Id::<Patient>::random());
        for kind in [Part::whole::<Patient>(), Part::whole::<Encounter>(), Part::whole::<Condition>()] {
            self.stage.policy.give(kind);
        }
        let grant = self.stage.boundary.gate.open(&context, Create::new(id)).await.unwrap();
        let mut change = grant.fill(ada(id, context.clinic(), "Chart")).await.unwrap();
        let visit = Id::random();
        change.push(an_encounter(visit, context.clinic(), id)).unwrap();
        for text in ["Asthma", "Migraine"] {
            change.push(a_condition(context.clinic(), id, visit, text)).unwrap();
        }
        let foreign = change.push(a_condition(context.clinic(), Id::random(), visit, "Another's"));
        assert!(matches!(foreign, Err(AccessError::ForeignRow("condition"))));
        let abroad = change.push(a_condition(self.stage.other, id, visit, "Abroad"));
        assert!(matches!(abroad, Err(AccessError::ForeignRow("condition"))));
        self.store.commit(change).await.unwrap();

        let grant = self.stage.boundary.gate.open(&context, ReadChart::of(id)).await.unwrap();
        let rows = self.store.chart(&grant).await.unwrap();
        let chart = grant.release(rows).await.unwrap();
        assert_eq!(chart.rows::<Encounter>().unwrap().len(), 1);
        let mut texts: Vec<_> = chart
            .rows::<Condition>()
            .unwrap()
            .iter()
            .map(|row| row.reveal(condition::Code).unwrap().text.clone().unwrap())
            .collect();
        texts.sort();
        assert_eq!(texts, ["Asthma", "Migraine"]);
        assert!(chart.rows::<Immunization>().is_none(), "a kind that is not given is absent, not empty");
        let grant =
            self.stage.boundary.gate.open(&context, ReadChart::of(Id::<Patient>::random())).await.unwrap();
        let rows = self.store.chart(&grant).await.unwrap();
        assert!(grant.release(rows).await.unwrap().rows::<Condition>().unwrap().is_empty());
    }

    async fn keeps_what_is_there(&self) {
        let (context, id) = (self.stage.context(), Id::<Patient>::random());
        self.add(&context, id, "First").await.unwrap();
        let grant = self.stage.boundary.gate.open(&context, Create::new(id)).await.unwrap();
        let mut change = grant.fill_absent(ada(id, context.clinic(), "Second")).await.unwrap();
        change.push(a_condition(context.clinic(), id, Id::random(), "New")).unwrap();
        let committed = self.store.commit(change).await.unwrap();
        let kinds = |counts: &[crate::KindCount]| -> Vec<_> {
            counts.iter().map(|count| (count.kind.to_string(), count.count)).collect()
        };
        assert_eq!(kinds(&committed.kept), [("patient".to_owned(), 1)]);
        assert_eq!(kinds(&committed.written), [("condition".to_owned(), 1)]);
        assert_eq!(self.family(&context, id).await.unwrap(), "First", "the first copy wins");
    }

    async fn deletes(&self) {
        let (context, id) = (self.stage.context(), Id::<Patient>::random());
        self.add(&context, id, "Gone").await.unwrap();
        let grant = self.stage.boundary.gate.open(&context, Delete::new(id)).await.unwrap();
        let row = self.store.find_for_delete(&grant).await.unwrap();
        self.store.commit(grant.remove(row).await.unwrap()).await.unwrap();
        assert!(matches!(self.family(&context, id).await, Err(AccessError::NotFound)));
    }

    async fn refuses_a_foreign_door(&self) {
        let foreign = Stage::default();
        let context = foreign.context_in(self.stage.clinic);
        let grant = foreign.boundary.gate.open(&context, Read::new(Id::<Patient>::random())).await.unwrap();
        assert!(matches!(self.store.find(&grant).await, Err(AccessError::ForeignGate)));
        let id = Id::random();
        let grant = foreign.boundary.gate.open(&context, Create::new(id)).await.unwrap();
        let change = grant.fill(ada(id, context.clinic(), "Foreign")).await.unwrap();
        assert!(matches!(self.store.commit(change).await, Err(AccessError::ForeignGate)));
    }
}

fn an_encounter(id: Id<Encounter>, clinic: crate::ClinicId, patient: Id<Patient>) -> Encounter {
    Encounter::new(
        id,
        clinic,
        patient,
        encounter::Plain { practitioner_id: None, location_id: None },
        encounter::Protected {
            status: Phi::new("finished".to_owned()),
            class: Phi::new(Some("AMB".to_owned())),
            kind: Phi::new(Coded::default()),
            period: Phi::new(Period::default()),
            reason: Phi::new(None),
        },
    )
}

fn a_condition(clinic: crate::ClinicId, patient: Id<Patient>, visit: Id<Encounter>, text: &str) -> Condition {
    Condition::new(
        Id::random(),
        clinic,
        patient,
        condition::Plain { encounter_id: Some(visit) },
        condition::Protected {
            code: Phi::new(Coded { text: Some(text.to_owned()), ..Coded::default() }),
            clinical_status: Phi::new(None),
            verification_status: Phi::new(None),
            onset: Phi::new(Period::default()),
        },
    )
}
