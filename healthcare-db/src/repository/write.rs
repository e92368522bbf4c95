//! Writing: rows, claims, outcome, events and remembered answer in one commit.

use super::{
    claims::{self, View},
    store::{SqlStore, actor_id},
};
use crate::{
    DbError, Transaction, clinic_sql,
    statement::{Clinic, Composed, Statement},
};
use async_trait::async_trait;
use healthcare_core::{
    AccessError, BlindToken, Change, Committed, ErasedRow, Guard, KeyError, KindCount, OutboxMessage, Parts,
    PlainColumn, Record, ScopeKeys, SubjectKey, Value, Write, WriteRow, Writer,
};
use std::{borrow::Cow, fmt::Write as _, time::Duration};
use uuid::Uuid;

/// How often a transaction that others were in the way of is run again.
const TRIES: u32 = 5;

pub(crate) const REMEMBER: Statement<Clinic> = clinic_sql!(
    "INSERT INTO main.idempotency (clinic_id, actor_id, key_hash, request_hash, reply, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6)"
);
pub(crate) const SUBJECT_KEY: Statement<Clinic> =
    clinic_sql!("SELECT wrapped FROM subject_key WHERE clinic_id = $1 AND subject_id = $2");
pub(crate) const NEW_SUBJECT_KEY: Statement<Clinic> = clinic_sql!(
    "INSERT INTO main.subject_key (clinic_id, subject_id, wrapped, created_at) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (clinic_id, subject_id) DO NOTHING"
);
pub(crate) const FORGET_TOKENS: Statement<Clinic> =
    clinic_sql!("DELETE FROM main.blind_index WHERE clinic_id = $1 AND kind = $2 AND record_id = $3");

#[async_trait]
impl<T: Record> Writer<T> for SqlStore {
    async fn commit_guarded(&self, change: Change<T>, guard: &dyn Guard) -> Result<Committed, AccessError> {
        self.door
            .commit(change, async |parts| {
                let keys = self.keys(parts.scope()).await?;
                let mut tries = 0;
                loop {
                    // All that is written comes from `parts`, and a guard does no input or output: a second run has no memory
                    // of the first.
                    let result = self.attempt(&parts, &keys, guard).await;
                    tries += 1;
                    match result {
                        Err(Stopped::InTheWay(_)) if tries < TRIES => backoff(tries).await,
                        Err(stopped) => return Err(stopped.into()),
                        Ok(committed) => return Ok(committed),
                    }
                }
            })
            .await
    }
}

/// Why a try ended without a commit.
enum Stopped {
    InTheWay(DbError),
    Refused(AccessError),
}

impl From<DbError> for Stopped {
    fn from(error: DbError) -> Self {
        if error.is_contention() { Self::InTheWay(error) } else { Self::Refused(error.into()) }
    }
}
impl From<AccessError> for Stopped {
    fn from(error: AccessError) -> Self {
        match error {
            // A database error on its way through a guard or a helper.
            AccessError::Unavailable(cause) => match cause.downcast::<DbError>() {
                Ok(error) if error.is_contention() => Self::InTheWay(*error),
                Ok(error) => Self::Refused(AccessError::Unavailable(error)),
                Err(cause) => Self::Refused(AccessError::Unavailable(cause)),
            },
            other => Self::Refused(other),
        }
    }
}
impl From<KeyError> for Stopped {
    fn from(error: KeyError) -> Self {
        Self::Refused(error.into())
    }
}
impl From<Stopped> for AccessError {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::InTheWay(error) => error.into(),
            Stopped::Refused(error) => error,
        }
    }
}

/// Waits a little, each time longer, and not in step with others.
async fn backoff(tries: u32) {
    let [.., low, high] = Uuid::now_v7().into_bytes();
    let jitter = u64::from(u16::from_be_bytes([low, high]) % 16);
    tokio::time::sleep(Duration::from_millis((1 << tries) * 4 + jitter)).await;
}

impl SqlStore {
    async fn attempt(
        &self,
        parts: &Parts<'_>,
        keys: &ScopeKeys,
        guard: &dyn Guard,
    ) -> Result<Committed, Stopped> {
        let mut transaction = self.database.write(parts.scope()).await?;
        let root = parts.root().unwrap_or_default();
        if let Some(remember) = parts.remember() {
            // First, so that the same request twice at once is told so, and not that its own time is taken.
            let values = vec![
                Value::Uuid(actor_id(parts.user())),
                Value::Bytes(remember.key.to_vec()),
                Value::Bytes(remember.request.to_vec()),
                Value::Bytes(remember.reply.clone()),
                Value::Time(parts.now()),
            ];
            match transaction.execute(&REMEMBER, values).await {
                Err(DbError::Duplicate(_)) => return Err(AccessError::Repeated.into()),
                other => other?,
            };
        }
        claims::lock(&mut transaction, &parts.claims().place).await?;
        let committed = Rows { transaction: &mut transaction, keys, parts }.write().await?;
        if parts.claims().release {
            transaction.execute(&claims::RELEASE, vec![Value::Uuid(root)]).await?;
        }
        for claim in &parts.claims().place {
            claims::place(&mut transaction, root, claim).await?;
        }
        guard.check(&mut View { transaction: &mut transaction, root }).await?;
        tell(&mut transaction, keys, parts, &committed).await?;
        transaction.commit().await?;
        Ok(committed)
    }
}

/// The rows of one change on their way into their tables.
struct Rows<'t> {
    transaction: &'t mut Transaction,
    keys: &'t ScopeKeys,
    parts: &'t Parts<'t>,
}

impl Rows<'_> {
    async fn write(mut self) -> Result<Committed, Stopped> {
        let mut committed = Committed::default();
        let mut key: Option<(Uuid, SubjectKey)> = None;
        for (nth, row) in self.parts.rows().iter().enumerate() {
            if let Some(subject) = row.row().subject()
                && key.as_ref().is_none_or(|(of, _)| *of != subject)
            {
                key = Some((subject, self.subject_key(subject, row).await?));
            }
            let stored = self.one(row, key.as_ref().map(|(_, key)| key)).await?;
            count(if stored { &mut committed.written } else { &mut committed.kept }, row.row().kind());
            if nth == 0 {
                committed.version = row.row().version() + 1;
            }
        }
        Ok(committed)
    }

    /// A person's key: made with the person's own row. A row about somebody who is not there is refused.
    async fn subject_key(&mut self, subject: Uuid, write: &WriteRow) -> Result<SubjectKey, Stopped> {
        if let Some(key) = self.known_key(subject).await? {
            return Ok(key);
        }
        if !matches!(write.how(), Write::Insert | Write::InsertAbsent) {
            // There is no row about somebody without a key.
            return Err(AccessError::NotFound.into());
        }
        if write.row().id() != subject {
            return Err(AccessError::Dangling("patient").into());
        }
        let (key, wrapped) = self.keys.new_subject_key(subject)?;
        let values = vec![Value::Uuid(subject), Value::Bytes(wrapped.0), Value::Time(self.parts.now())];
        if self.transaction.execute(&NEW_SUBJECT_KEY, values).await? == 1 {
            return Ok(key);
        }
        // Another transaction made it in between; it is committed now.
        self.known_key(subject).await?.ok_or_else(|| KeyError::NoSubjectKey.into())
    }

    async fn known_key(&mut self, subject: Uuid) -> Result<Option<SubjectKey>, Stopped> {
        let row = self.transaction.fetch_optional(&SUBJECT_KEY, vec![Value::Uuid(subject)]).await?;
        let Some(row) = row else { return Ok(None) };
        let wrapped = row.get::<Option<Vec<u8>>>(0)?.ok_or(KeyError::NoSubjectKey)?;
        Ok(Some(self.keys.open_subject_key(subject, &wrapped)?))
    }

    /// Whether the row was stored; `false` when it was kept as it is.
    async fn one(&mut self, write: &WriteRow, key: Option<&SubjectKey>) -> Result<bool, Stopped> {
        let row = write.row();
        match write.how() {
            Write::Insert | Write::InsertAbsent => {
                let values = self.stored(write, key)?;
                let text = insert(row.kind(), row.plain_columns(), write.how() == Write::InsertAbsent)?;
                if self.transaction.execute(&text, values).await? == 0 {
                    return Ok(false);
                }
                self.index(row, write.tokens(self.keys)).await?;
            }
            Write::Update => {
                let values = self.stored(write, key)?;
                let changed =
                    self.transaction.execute(&update(row.kind(), row.plain_columns())?, values).await?;
                self.changed_one(row, changed).await?;
                self.forget(row).await?;
                self.index(row, write.tokens(self.keys)).await?;
            }
            Write::Delete => {
                let values = vec![Value::Uuid(row.id()), Value::I64(row.version())];
                let changed = self.transaction.execute(&delete(row.kind())?, values).await?;
                self.changed_one(row, changed).await?;
                self.forget(row).await?;
            }
            _ => return Err(AccessError::storage("a kind of write that this version does not know").into()),
        }
        Ok(true)
    }

    /// The values of a row as it is stored, in the order of [`insert`] and [`update`].
    fn stored(&self, write: &WriteRow, key: Option<&SubjectKey>) -> Result<Vec<Value>, KeyError> {
        let row = write.row();
        let mut values = vec![
            Value::Uuid(row.id()),
            Value::I64(row.version() + 1),
            row.subject().map_or(Value::Null, Value::Uuid),
        ];
        values.push(Value::Bytes(write.seal(self.keys, key)?));
        values.push(Value::Time(self.parts.now()));
        values.extend(row.columns());
        Ok(values)
    }

    async fn changed_one(&mut self, row: &dyn ErasedRow, changed: u64) -> Result<(), Stopped> {
        if changed == 1 {
            return Ok(());
        }
        let known =
            self.transaction.fetch_optional(&exists(row.kind())?, vec![Value::Uuid(row.id())]).await?;
        Err(if known.is_some() { AccessError::VersionConflict } else { AccessError::NotFound }.into())
    }

    async fn forget(&mut self, row: &dyn ErasedRow) -> Result<(), Stopped> {
        let values = vec![Value::Text(row.kind().to_owned()), Value::Uuid(row.id())];
        self.transaction.execute(&FORGET_TOKENS, values).await?;
        Ok(())
    }

    async fn index(&mut self, row: &dyn ErasedRow, tokens: Vec<BlindToken>) -> Result<(), Stopped> {
        let rows = tokens.into_iter().map(|token| {
            vec![
                Value::Text(row.kind().to_owned()),
                Value::Text(token.field.to_owned()),
                Value::Bytes(token.token),
                Value::Uuid(row.id()),
            ]
        });
        insert_many(self.transaction, "blind_index", &["kind", "field", "token", "record_id"], rows.collect())
            .await
    }
}

fn count(counts: &mut Vec<KindCount>, kind: &'static str) {
    match counts.iter_mut().find(|count| count.kind == kind) {
        Some(known) => known.count += 1,
        None => counts.push(KindCount { kind: Cow::Borrowed(kind), count: 1 }),
    }
}

/// Events, and last the outcome, for the relay.
async fn tell(
    transaction: &mut Transaction,
    keys: &ScopeKeys,
    parts: &Parts<'_>,
    committed: &Committed,
) -> Result<(), Stopped> {
    let Some(root) = parts.rows().first().map(WriteRow::row) else { return Ok(()) };
    let events = parts.events().iter().map(|event| (event.id, "event", OutboxMessage::Event(event.clone())));
    let outcome = OutboxMessage::Outcome(parts.outcome(committed.written.clone()));
    let mut rows = Vec::new();
    for (nth, (id, kind, message)) in events.chain([(Uuid::now_v7(), "outcome", outcome)]).enumerate() {
        rows.push(vec![
            Value::Uuid(id),
            Value::Text(kind.to_owned()),
            Value::Text(root.kind().to_owned()),
            Value::Uuid(root.id()),
            Value::I64(committed.version),
            Value::I64(i64::try_from(nth).unwrap_or(i64::MAX)),
            Value::Time(parts.now()),
            Value::Time(parts.now()),
            Value::I64(0),
            Value::I64(0),
            Value::Bytes(keys.seal_message(id, &message)?),
        ]);
    }
    insert_many(transaction, "outbox", OUTBOX_COLUMNS, rows).await
}

pub(crate) const OUTBOX_COLUMNS: &[&str] = &[
    "id",
    "kind",
    "aggregate_kind",
    "aggregate_id",
    "aggregate_version",
    "position",
    "created_at",
    "due_at",
    "lease",
    "attempts",
    "body",
];

/// Inserts rows in groups of a few sizes, so that there are few texts to prepare.
async fn insert_many(
    transaction: &mut Transaction,
    table: &'static str,
    columns: &'static [&'static str],
    rows: Vec<Vec<Value>>,
) -> Result<(), Stopped> {
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let left = rows.len();
        let size = [32, 8, 4, 2, 1].into_iter().find(|size| *size <= left).unwrap_or(1);
        let values: Vec<Value> = rows.by_ref().take(size).flatten().collect();
        transaction.execute(&insert_group(table, columns, size)?, values).await?;
    }
    Ok(())
}

pub(crate) fn insert_group(
    table: &'static str,
    columns: &'static [&'static str],
    size: usize,
) -> Result<Composed, DbError> {
    let mut text = format!("INSERT INTO main.{table} (clinic_id, {}) VALUES ", columns.join(", "));
    for nth in 0..size {
        text.push_str(if nth == 0 { "($1" } else { ", ($1" });
        for column in 0..columns.len() {
            let _ = write!(text, ", ${}", nth * columns.len() + column + 2);
        }
        text.push(')');
    }
    Composed::new(text)
}

/// `$2` id, `$3` version, `$4` subject, `$5` sealed column, `$6` time, `$7`.. plain columns.
pub(crate) fn insert(kind: &str, plain: &[PlainColumn], keep: bool) -> Result<Composed, DbError> {
    let columns: String = plain.iter().map(|column| format!(", {}", column.name)).collect();
    let values: String = (0..plain.len()).map(|nth| format!(", ${}", nth + 7)).collect();
    let conflict = if keep { " ON CONFLICT (clinic_id, id) DO NOTHING" } else { "" };
    Composed::new(format!(
        "INSERT INTO main.{} (clinic_id, id, version, subject_id, phi, created_at, updated_at{columns}) \
         VALUES ($1, $2, $3, $4, $5, $6, $6{values}){conflict}",
        kind
    ))
}

/// The same parameters as [`insert`]: `$3` is the next version, and the person must still be the same.
pub(crate) fn update(kind: &str, plain: &[PlainColumn]) -> Result<Composed, DbError> {
    let set: String =
        plain.iter().enumerate().map(|(nth, column)| format!(", {} = ${}", column.name, nth + 7)).collect();
    Composed::new(format!(
        "UPDATE main.{} SET version = $3, phi = $5, updated_at = $6{set} \
         WHERE clinic_id = $1 AND id = $2 AND version = $3 - 1 AND subject_id IS NOT DISTINCT FROM $4",
        kind
    ))
}

pub(crate) fn delete(kind: &'static str) -> Result<Composed, DbError> {
    Composed::new(format!("DELETE FROM main.{kind} WHERE clinic_id = $1 AND id = $2 AND version = $3"))
}

pub(crate) fn exists(kind: &'static str) -> Result<Composed, DbError> {
    Composed::new(format!("SELECT version FROM {kind} WHERE clinic_id = $1 AND id = $2"))
}
