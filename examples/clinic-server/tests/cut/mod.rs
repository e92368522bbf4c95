//! Stores that do so many new writes and then none: what a process that is killed in between leaves behind.
#![allow(unreachable_pub)]

use async_trait::async_trait;
use clinic_server::{PatientRepository, Repository, Stores};
use healthcare_core::{
    AccessError, Appointment, AppointmentStore, AppointmentWindow, Change, ChartReader, ChartRows, ClinicId,
    Committed, Criteria, Delete, Grant, Guard, Interval, List, PageRequest, Patient, Practitioner, Read,
    ReadChart, Reader, Record, Row, Rows, Search, Searcher, Update, UserId, Writer,
};
use healthcare_rbac::{
    session::StoreError,
    user::{EmailIndex, Membership, NewUser, PasswordChange, User, UserStatus, UserStore},
};
use jiff::Timestamp;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

/// How many new writes are left. One that finds its record there already is free.
#[derive(Debug, Clone)]
pub struct Knife(Arc<AtomicU32>);

impl Default for Knife {
    fn default() -> Self {
        Self(Arc::new(AtomicU32::new(u32::MAX)))
    }
}

impl Knife {
    pub fn allow(&self, writes: u32) {
        self.0.store(writes, Ordering::SeqCst);
    }

    fn has_cut(&self) -> bool {
        self.0.load(Ordering::SeqCst) == 0
    }

    fn wrote(&self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A store and the knife over it.
pub struct Cut<S: ?Sized>(Arc<S>, Knife);

impl<S: ?Sized> fmt::Debug for Cut<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cut")
    }
}

impl<S: ?Sized> Cut<S> {
    fn over(store: &Arc<S>, knife: &Knife) -> Arc<Self> {
        Arc::new(Self(Arc::clone(store), knife.clone()))
    }
}

pub fn cut_users(users: &Arc<dyn UserStore>, knife: &Knife) -> Arc<dyn UserStore> {
    Cut::over(users, knife)
}

pub fn cut_stores(stores: &Stores, knife: &Knife) -> Stores {
    Stores {
        clinics: Cut::<dyn Repository<_>>::over(&stores.clinics, knife),
        locations: Cut::<dyn Repository<_>>::over(&stores.locations, knife),
        services: Cut::<dyn Repository<_>>::over(&stores.services, knife),
        practitioners: Cut::<dyn Repository<_>>::over(&stores.practitioners, knife),
        patients: Cut::<dyn PatientRepository>::over(&stores.patients, knife),
        appointments: Cut::<dyn AppointmentStore>::over(&stores.appointments, knife),
        ..stores.clone()
    }
}

#[async_trait]
impl<T: Record, S: Reader<T> + ?Sized> Reader<T> for Cut<S> {
    async fn find(&self, grant: &Grant<Read<T>>) -> Result<Row<T>, AccessError> {
        self.0.find(grant).await
    }
    async fn find_for_update(&self, grant: &Grant<Update<T>>) -> Result<Row<T>, AccessError> {
        self.0.find_for_update(grant).await
    }
    async fn find_for_delete(&self, grant: &Grant<Delete<T>>) -> Result<Row<T>, AccessError> {
        self.0.find_for_delete(grant).await
    }
    async fn list(&self, grant: &Grant<List<T>>, page: &PageRequest) -> Result<Rows<T>, AccessError> {
        self.0.list(grant, page).await
    }
}

#[async_trait]
impl<T: Record, S: Writer<T> + ?Sized> Writer<T> for Cut<S> {
    async fn commit_guarded(&self, change: Change<T>, guard: &dyn Guard) -> Result<Committed, AccessError> {
        if self.1.has_cut() {
            return Err(AccessError::storage("cut"));
        }
        let committed = self.0.commit_guarded(change, guard).await?;
        if !committed.written.is_empty() {
            self.1.wrote();
        }
        Ok(committed)
    }
}

#[async_trait]
impl<T: Record, S: Searcher<T> + ?Sized> Searcher<T> for Cut<S> {
    async fn search(
        &self,
        grant: &Grant<Search<T>>,
        criteria: &Criteria<T>,
        page: &PageRequest,
    ) -> Result<Rows<T>, AccessError> {
        self.0.search(grant, criteria, page).await
    }
}

#[async_trait]
impl<S: ChartReader<Patient> + ?Sized> ChartReader<Patient> for Cut<S> {
    async fn chart(&self, grant: &Grant<ReadChart<Patient>>) -> Result<ChartRows, AccessError> {
        self.0.chart(grant).await
    }
}

#[async_trait]
impl<S: AppointmentStore + ?Sized> AppointmentStore for Cut<S> {
    async fn within(
        &self,
        grant: &Grant<List<Appointment>>,
        window: &AppointmentWindow,
        page: &PageRequest,
    ) -> Result<Rows<Appointment>, AccessError> {
        self.0.within(grant, window, page).await
    }
    async fn busy(
        &self,
        grant: &Grant<Read<Practitioner>>,
        interval: &Interval,
    ) -> Result<Vec<Interval>, AccessError> {
        self.0.busy(grant, interval).await
    }
}

impl<S: ?Sized> Cut<S> {
    fn user_write(&self) -> Result<(), StoreError> {
        if self.1.has_cut() {
            return Err(StoreError::failed("cut"));
        }
        self.1.wrote();
        Ok(())
    }
}

#[async_trait]
impl<S: UserStore + ?Sized> UserStore for Cut<S> {
    async fn add(&self, user: &NewUser) -> Result<(), StoreError> {
        self.user_write()?;
        self.0.add(user).await
    }
    async fn by_email(&self, email: &EmailIndex) -> Result<Option<User>, StoreError> {
        self.0.by_email(email).await
    }
    async fn by_id(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.0.by_id(id).await
    }
    async fn set_password(&self, id: UserId, change: &PasswordChange) -> Result<bool, StoreError> {
        self.user_write()?;
        self.0.set_password(id, change).await
    }
    async fn set_status(&self, id: UserId, status: UserStatus, at: Timestamp) -> Result<bool, StoreError> {
        self.user_write()?;
        self.0.set_status(id, status, at).await
    }
    async fn set_membership(&self, id: UserId, membership: &Membership) -> Result<(), StoreError> {
        self.user_write()?;
        self.0.set_membership(id, membership).await
    }
    async fn remove_membership(
        &self,
        id: UserId,
        clinic: ClinicId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.user_write()?;
        self.0.remove_membership(id, clinic, at).await
    }
}
