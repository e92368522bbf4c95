//! Who treats whom.

use crate::{
    Database, DbError, clinic_sql,
    statement::{Clinic, Statement},
};
use async_trait::async_trait;
use healthcare_core::{
    AccessError, Profile, RelationError, RelationSource, RequestContext, StorageDoor, Value,
};
use uuid::Uuid;

pub(crate) const TREATS: Statement<Clinic> = clinic_sql!(
    "SELECT subject_id FROM encounter WHERE clinic_id = $1 AND practitioner_id = $2 AND subject_id = $3 \
     UNION ALL \
     SELECT subject_id FROM appointment WHERE clinic_id = $1 AND practitioner_id = $2 AND subject_id = $3 \
     AND status <> 'cancelled' \
     LIMIT 1"
);

/// Relations as the tables tell them: a practitioner is related to the patients of their encounters and of their appointments that
/// are not cancelled, a patient to themselves, and nobody else to anybody.
#[derive(Debug, Clone)]
pub struct SqlRelations {
    database: Database,
    door: StorageDoor,
}

impl SqlRelations {
    /// The relations of a database, for contexts of the boundary that `door` belongs to.
    #[must_use]
    pub const fn new(database: Database, door: StorageDoor) -> Self {
        Self { database, door }
    }

    async fn treats(
        &self,
        context: &RequestContext,
        practitioner: Uuid,
        subject: Uuid,
    ) -> Result<bool, AccessError> {
        let mut transaction = self.database.read(self.door.scope(context)?).await?;
        let values = vec![Value::Uuid(practitioner), Value::Uuid(subject)];
        let row = transaction
            .fetch_optional(&TREATS, values)
            .await
            .map_err(|error: DbError| AccessError::from(error))?;
        Ok(row.is_some())
    }
}

#[async_trait]
impl RelationSource for SqlRelations {
    async fn related(
        &self,
        context: &RequestContext,
        party: &Profile,
        subject: Uuid,
    ) -> Result<bool, RelationError> {
        match &*party.kind {
            "practitioner" => {
                self.treats(context, party.id, subject).await.map_err(|error| RelationError(error.into()))
            }
            "patient" => Ok(party.id == subject),
            _ => Ok(false),
        }
    }
}
