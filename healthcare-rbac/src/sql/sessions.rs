//! The table `session`.

use super::{SqlAccounts, failed, hash, hold, id};
use crate::{
    session::{EndReason, NewSession, Rotation, Session, SessionStore, StoreError, StoredSession},
    user::UserStatus,
};
use async_trait::async_trait;
use healthcare_core::{ClinicId, SessionId, UserId, Value};
use healthcare_db::{HouseTransaction, Row, house_sql};
use jiff::Timestamp;

fn key(session: SessionId) -> Value {
    Value::Uuid(session.as_uuid())
}

fn reason(why: EndReason) -> Value {
    Value::Text(why.as_str().to_owned())
}

async fn insert(transaction: &mut HouseTransaction, session: &Session) -> Result<(), StoreError> {
    let text = house_sql!(
        "INSERT INTO main.session (id, user_id, clinic_id, refresh_hash, previous_hash, rotated_at, created_at, idle_until, \
         ends_at, revoked_at, revoked_why) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL, NULL)"
    );
    let values = vec![
        key(session.id),
        id(session.user),
        Value::Uuid(session.clinic.as_uuid()),
        Value::Bytes(session.refresh.to_vec()),
        session.previous.map_or(Value::Null, |hash| Value::Bytes(hash.to_vec())),
        Value::Time(session.rotated),
        Value::Time(session.created),
        Value::Time(session.idle_until),
        Value::Time(session.ends),
    ];
    transaction.execute(&text, values).await.map(drop).map_err(failed)
}

fn read(row: &Row) -> Result<StoredSession, StoreError> {
    let previous: Option<Vec<u8>> = row.get(4).map_err(failed)?;
    let previous = previous.map(|bytes| bytes.try_into().map_err(|_| StoreError::Unreadable)).transpose()?;
    let session = Session {
        id: SessionId::from_uuid(row.get(0).map_err(failed)?),
        user: row.get::<UserId>(1).map_err(failed)?,
        clinic: row.get::<ClinicId>(2).map_err(failed)?,
        refresh: hash(row, 3)?,
        previous,
        rotated: row.get(5).map_err(failed)?,
        created: row.get(6).map_err(failed)?,
        idle_until: row.get(7).map_err(failed)?,
        ends: row.get(8).map_err(failed)?,
        revoked: row.get(9).map_err(failed)?,
    };
    let epoch: i64 = row.get(10).map_err(failed)?;
    let status: UserStatus = row.get(11).map_err(failed)?;
    let user_epoch = u64::try_from(epoch).map_err(|_| StoreError::Unreadable)?;
    Ok(StoredSession { session, user_epoch, user_active: status == UserStatus::Active })
}

#[async_trait]
impl SessionStore for SqlAccounts {
    async fn create(&self, new: &NewSession) -> Result<bool, StoreError> {
        let mut transaction = self.database.house_write().await.map_err(failed)?;
        if !hold(&mut transaction, new.session.user, new.epoch).await? {
            return Ok(false);
        }
        insert(&mut transaction, &new.session).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(true)
    }

    async fn replace(&self, old: SessionId, new: &NewSession, at: Timestamp) -> Result<bool, StoreError> {
        let mut transaction = self.database.house_write().await.map_err(failed)?;
        if !hold(&mut transaction, new.session.user, new.epoch).await? {
            return Ok(false);
        }
        let text = house_sql!(
            "UPDATE main.session SET revoked_at = $2, revoked_why = $3 WHERE id = $1 AND revoked_at IS NULL AND ends_at > $2"
        );
        let values = vec![key(old), Value::Time(at), reason(EndReason::Switched)];
        if transaction.execute(&text, values).await.map_err(failed)? == 0 {
            return Ok(false);
        }
        insert(&mut transaction, &new.session).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(true)
    }

    async fn session(&self, id: SessionId) -> Result<Option<StoredSession>, StoreError> {
        let text = house_sql!(
            "SELECT s.id, s.user_id, s.clinic_id, s.refresh_hash, s.previous_hash, s.rotated_at, s.created_at, s.idle_until, \
             s.ends_at, s.revoked_at, u.epoch, u.status FROM main.session s JOIN main.app_user u ON u.id = s.user_id \
             WHERE s.id = $1"
        );
        let mut transaction = self.database.house_read().await.map_err(failed)?;
        let row = transaction.fetch_optional(&text, vec![key(id)]).await.map_err(failed)?;
        row.as_ref().map(read).transpose()
    }

    async fn rotate(&self, id: SessionId, rotation: &Rotation) -> Result<bool, StoreError> {
        let text = house_sql!(
            "UPDATE main.session SET refresh_hash = $3, previous_hash = $2, rotated_at = $4, idle_until = $5 \
             WHERE id = $1 AND refresh_hash = $2 AND revoked_at IS NULL"
        );
        let values = vec![
            key(id),
            Value::Bytes(rotation.from.to_vec()),
            Value::Bytes(rotation.to.to_vec()),
            Value::Time(rotation.at),
            Value::Time(rotation.idle_until),
        ];
        let mut transaction = self.database.house_write().await.map_err(failed)?;
        let turned = transaction.execute(&text, values).await.map_err(failed)? == 1;
        transaction.commit().await.map_err(failed)?;
        Ok(turned)
    }

    async fn revoke(&self, id: SessionId, at: Timestamp, why: EndReason) -> Result<bool, StoreError> {
        let text = house_sql!(
            "UPDATE main.session SET revoked_at = $2, revoked_why = $3 WHERE id = $1 AND revoked_at IS NULL"
        );
        let mut transaction = self.database.house_write().await.map_err(failed)?;
        let values = vec![key(id), Value::Time(at), reason(why)];
        let ended = transaction.execute(&text, values).await.map_err(failed)? == 1;
        transaction.commit().await.map_err(failed)?;
        Ok(ended)
    }

    async fn revoke_user(&self, user: UserId, at: Timestamp, why: EndReason) -> Result<u64, StoreError> {
        let mut transaction = self.database.house_write().await.map_err(failed)?;
        let ended = end_all(&mut transaction, user, at, why).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(ended)
    }

    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let text = house_sql!(
            "DELETE FROM main.session WHERE id IN (SELECT id FROM main.session WHERE ends_at < $1 ORDER BY ends_at LIMIT $2)"
        );
        let mut transaction = self.database.house_write().await.map_err(failed)?;
        let values = vec![Value::Time(before), Value::I64(i64::from(limit))];
        let gone = transaction.execute(&text, values).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(gone)
    }
}

/// Ends every live session of a user, in the transaction that takes the right away.
pub(super) async fn end_all(
    transaction: &mut HouseTransaction,
    user: UserId,
    at: Timestamp,
    why: EndReason,
) -> Result<u64, StoreError> {
    let text = house_sql!(
        "UPDATE main.session SET revoked_at = $2, revoked_why = $3 WHERE user_id = $1 AND revoked_at IS NULL"
    );
    transaction.execute(&text, vec![id(user), Value::Time(at), reason(why)]).await.map_err(failed)
}

/// The same for one clinic.
pub(super) async fn end_in(
    transaction: &mut HouseTransaction,
    user: UserId,
    clinic: ClinicId,
    at: Timestamp,
) -> Result<u64, StoreError> {
    let text = house_sql!(
        "UPDATE main.session SET revoked_at = $3, revoked_why = $4 \
         WHERE user_id = $1 AND clinic_id = $2 AND revoked_at IS NULL"
    );
    let values = vec![id(user), Value::Uuid(clinic.as_uuid()), Value::Time(at), reason(EndReason::Removed)];
    transaction.execute(&text, values).await.map_err(failed)
}
