//! The tables `app_user` and `membership`.

use super::{
    SqlAccounts, failed, id,
    sessions::{end_all, end_in},
};
use crate::{
    session::{EndReason, StoreError},
    user::{
        EmailIndex, MAX_MEMBERSHIPS, MAX_ROLES, Membership, NewUser, PasswordChange, User, UserStatus,
        UserStore,
    },
};
use async_trait::async_trait;
use healthcare_core::{ClinicId, Profile, Role, UserId, Value};
use healthcare_db::{DbError, House, HouseTransaction, Row, Statement, house_sql};
use jiff::Timestamp;
use std::{borrow::Cow, sync::Arc};
use uuid::Uuid;

fn read_membership(row: &Row) -> Result<Membership, StoreError> {
    let roles: String = row.get(1).map_err(failed)?;
    let roles = roles.split(',').filter(|code| !code.is_empty()).map(str::parse::<Role>);
    let roles: Vec<Role> = roles.collect::<Result<_, _>>().map_err(|_| StoreError::Unreadable)?;
    let kind: Option<String> = row.get(2).map_err(failed)?;
    let profile: Option<Uuid> = row.get(3).map_err(failed)?;
    let profile = kind.zip(profile).map(|(kind, id)| Profile { kind: Cow::Owned(kind), id });
    Ok(Membership { clinic: row.get::<ClinicId>(0).map_err(failed)?, roles: Arc::from(roles), profile })
}

impl SqlAccounts {
    async fn find(&self, text: Statement<House>, key: Value) -> Result<Option<User>, StoreError> {
        let mut transaction = self.database.house_read().await.map_err(failed)?;
        let Some(row) = transaction.fetch_optional(&text, vec![key]).await.map_err(failed)? else {
            return Ok(None);
        };
        let user: UserId = row.get(0).map_err(failed)?;
        let password: Option<String> = row.get(1).map_err(failed)?;
        let epoch: i64 = row.get(3).map_err(failed)?;
        let text = house_sql!(
            "SELECT clinic_id, roles, profile_kind, profile_id FROM main.membership WHERE user_id = $1 \
             ORDER BY created_at, clinic_id"
        );
        let rows = transaction.fetch_all(&text, vec![id(user)]).await.map_err(failed)?;
        Ok(Some(User {
            id: user,
            password: password.map(|text| text.parse()).transpose().map_err(|_| StoreError::Unreadable)?,
            status: row.get::<UserStatus>(2).map_err(failed)?,
            epoch: u64::try_from(epoch).map_err(|_| StoreError::Unreadable)?,
            memberships: rows.iter().map(read_membership).collect::<Result<_, _>>()?,
        }))
    }

    /// Raises the epoch, and holds the user's row until the transaction ends; `false` when there is no such user.
    async fn raise(&self, transaction: &mut HouseTransaction, user: UserId) -> Result<bool, StoreError> {
        let text = house_sql!("UPDATE main.app_user SET epoch = epoch + 1, updated_at = $2 WHERE id = $1");
        Ok(transaction.execute(&text, vec![id(user), self.now()]).await.map_err(failed)? == 1)
    }
}

#[async_trait]
impl UserStore for SqlAccounts {
    async fn add(&self, user: &NewUser) -> Result<(), StoreError> {
        let text = house_sql!(
            "INSERT INTO main.app_user (id, email_hash, password_hash, status, epoch, created_at, updated_at) \
             VALUES ($1, $2, $3, 'active', 0, $4, $4)"
        );
        let password =
            user.password.as_ref().map_or(Value::Null, |hash| Value::Text(hash.as_str().to_owned()));
        let values = vec![id(user.id), Value::Bytes(user.email.as_bytes().to_vec()), password, self.now()];
        let mut transaction = self.database.house_write().await.map_err(failed)?;
        match transaction.execute(&text, values).await {
            Ok(_) => transaction.commit().await.map_err(failed),
            Err(DbError::Duplicate(_)) => Err(StoreError::Exists),
            Err(error) => Err(failed(error)),
        }
    }

    async fn by_email(&self, email: &EmailIndex) -> Result<Option<User>, StoreError> {
        let text =
            house_sql!("SELECT id, password_hash, status, epoch FROM main.app_user WHERE email_hash = $1");
        self.find(text, Value::Bytes(email.as_bytes().to_vec())).await
    }

    async fn by_id(&self, user: UserId) -> Result<Option<User>, StoreError> {
        let text = house_sql!("SELECT id, password_hash, status, epoch FROM main.app_user WHERE id = $1");
        self.find(text, id(user)).await
    }

    async fn set_password(&self, user: UserId, change: &PasswordChange) -> Result<bool, StoreError> {
        let text = house_sql!(
            "UPDATE main.app_user SET password_hash = $2, epoch = epoch + $3, updated_at = $4 \
             WHERE id = $1 AND (password_hash = $5 OR $6 = 1)"
        );
        let expected = change.expected.as_ref().map(|hash| hash.as_str().to_owned());
        let values = vec![
            id(user),
            Value::Text(change.new.as_str().to_owned()),
            Value::I64(i64::from(change.changed_at.is_some())),
            self.now(),
            Value::Text(expected.clone().unwrap_or_default()),
            Value::I64(i64::from(expected.is_none())),
        ];
        let mut transaction = self.database.house_write().await.map_err(failed)?;
        let changed = transaction.execute(&text, values).await.map_err(failed)? == 1;
        if let (true, Some(at)) = (changed, change.changed_at) {
            end_all(&mut transaction, user, at, EndReason::Password).await?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(changed)
    }

    async fn set_status(&self, user: UserId, status: UserStatus, at: Timestamp) -> Result<bool, StoreError> {
        let text = house_sql!(
            "UPDATE main.app_user SET status = $2, epoch = epoch + 1, updated_at = $3 WHERE id = $1"
        );
        let values = vec![id(user), Value::Text(status.as_str().to_owned()), self.now()];
        let mut transaction = self.database.house_write().await.map_err(failed)?;
        let changed = transaction.execute(&text, values).await.map_err(failed)? == 1;
        if changed && status == UserStatus::Disabled {
            end_all(&mut transaction, user, at, EndReason::Removed).await?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(changed)
    }

    async fn set_membership(&self, user: UserId, membership: &Membership) -> Result<(), StoreError> {
        if membership.roles.len() > MAX_ROLES {
            return Err(StoreError::Limit(MAX_ROLES));
        }
        let clinic = Value::Uuid(membership.clinic.as_uuid());
        let mut transaction = self.database.house_write().await.map_err(failed)?;
        if !self.raise(&mut transaction, user).await? {
            return Err(StoreError::NoUser);
        }
        let others =
            house_sql!("SELECT COUNT(*) FROM main.membership WHERE user_id = $1 AND clinic_id <> $2");
        let others =
            transaction.fetch_optional(&others, vec![id(user), clinic.clone()]).await.map_err(failed)?;
        let others: i64 = others.map_or(Ok(0), |row| row.get(0)).map_err(failed)?;
        if usize::try_from(others).is_ok_and(|others| others >= MAX_MEMBERSHIPS) {
            return Err(StoreError::Limit(MAX_MEMBERSHIPS));
        }
        let text = house_sql!(
            "INSERT INTO main.membership (user_id, clinic_id, roles, profile_kind, profile_id, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (user_id, clinic_id) DO UPDATE \
             SET roles = excluded.roles, profile_kind = excluded.profile_kind, profile_id = excluded.profile_id"
        );
        let roles: Vec<&str> = membership.roles.iter().map(Role::as_str).collect();
        let profile = membership.profile.as_ref();
        let values = vec![
            id(user),
            clinic,
            Value::Text(roles.join(",")),
            profile.map_or(Value::Null, |profile| Value::Text(profile.kind.clone().into_owned())),
            profile.map_or(Value::Null, |profile| Value::Uuid(profile.id)),
            self.now(),
        ];
        transaction.execute(&text, values).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)
    }

    async fn remove_membership(
        &self,
        user: UserId,
        clinic: ClinicId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let text = house_sql!("DELETE FROM main.membership WHERE user_id = $1 AND clinic_id = $2");
        let mut transaction = self.database.house_write().await.map_err(failed)?;
        // The user's row first, as everybody takes it, so that two of these do not wait for each other.
        if !self.raise(&mut transaction, user).await? {
            return Ok(false);
        }
        let values = vec![id(user), Value::Uuid(clinic.as_uuid())];
        if transaction.execute(&text, values).await.map_err(failed)? == 0 {
            return Ok(false);
        }
        end_in(&mut transaction, user, clinic, at).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(true)
    }
}
