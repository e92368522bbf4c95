//! The statements of [`SqlJobs`](super::SqlJobs), on the table `job` of healthcare-db.
//!
//! A time is `coalesce($n, CURRENT_TIMESTAMP)`: on PostgreSQL the parameter is null and the database's own clock counts, so that nodes whose
//! clocks differ agree; on SQLite it is the injected clock's time. Waits are microseconds.
//!
//! On PostgreSQL limited ids are an array, which is made once: see `LEASE` in the outbox of healthcare-db.

use healthcare_db::{Clinic, House, Statement, clinic_sql, house_sql};

/// `$2` id, `$3` queue, `$4` kind, `$5` unique key, `$6` now, `$7` start at, `$8` start after, `$9` tries, `$10` payload. Names no conflict:
/// the application may add to the table and not read it.
pub(super) const ENQUEUE: Statement<Clinic> = clinic_sql! {
    postgres: "INSERT INTO main.job (clinic_id, id, queue, kind, unique_key, state, created_at, due_at, token, tries, tries_max, returns, \
         progress, payload) VALUES ($1, $2, $3, $4, $5, 'waiting', coalesce($6, CURRENT_TIMESTAMP), \
         coalesce($7, coalesce($6, CURRENT_TIMESTAMP) + CAST($8 AS bigint) * interval '1 microsecond'), 0, 0, $9, 0, 0, $10) \
         ON CONFLICT DO NOTHING",
    sqlite: "INSERT INTO main.job (clinic_id, id, queue, kind, unique_key, state, created_at, due_at, token, tries, tries_max, returns, \
         progress, payload) VALUES ($1, $2, $3, $4, $5, 'waiting', $6, coalesce($7, $6 + $8), 0, 0, $9, 0, 0, $10) \
         ON CONFLICT DO NOTHING",
    why: "SQLite's instants are numbers",
};

/// `$1` now, `$2` queue, `$3` limit, `$4` lease. A job without a try left is started no more: it ends here.
pub(super) const START: Statement<House> = house_sql! {
    postgres: "UPDATE main.job SET token = token + 1, \
             tries = CASE WHEN tries < tries_max THEN tries + 1 ELSE tries END, \
             state = CASE WHEN tries < tries_max THEN 'running' ELSE 'dead' END, \
             error_class = CASE WHEN state = 'running' THEN 'abandoned' ELSE error_class END, \
             finished_at = CASE WHEN tries < tries_max THEN NULL ELSE coalesce($1, CURRENT_TIMESTAMP) END, \
             due_at = coalesce($1, CURRENT_TIMESTAMP) + CAST($4 AS bigint) * interval '1 microsecond' \
         WHERE id = ANY (ARRAY(SELECT o.id FROM main.job o WHERE o.queue = $2 AND o.finished_at IS NULL \
             AND o.due_at <= coalesce($1, CURRENT_TIMESTAMP) ORDER BY o.due_at, o.id LIMIT $3 FOR UPDATE SKIP LOCKED)) \
         RETURNING id, clinic_id, kind, token, tries, tries_max, returns, state, payload, progress",
    sqlite: "UPDATE main.job SET token = token + 1, \
             tries = CASE WHEN tries < tries_max THEN tries + 1 ELSE tries END, \
             state = CASE WHEN tries < tries_max THEN 'running' ELSE 'dead' END, \
             error_class = CASE WHEN state = 'running' THEN 'abandoned' ELSE error_class END, \
             finished_at = CASE WHEN tries < tries_max THEN NULL ELSE $1 END, \
             due_at = $1 + $4 \
         WHERE id IN (SELECT o.id FROM main.job o WHERE o.queue = $2 AND o.finished_at IS NULL \
             AND o.due_at <= $1 ORDER BY o.due_at, o.id LIMIT $3) \
         RETURNING id, clinic_id, kind, token, tries, tries_max, returns, state, payload, progress",
    why: "SQLite has one writer, no row locks and no arrays, and its instants are numbers",
};

/// `$1` id, `$2` token, `$3` now, `$4` lease.
pub(super) const EXTEND: Statement<House> = house_sql! {
    postgres: "UPDATE main.job SET due_at = coalesce($3, CURRENT_TIMESTAMP) + CAST($4 AS bigint) * interval '1 microsecond' \
         WHERE id = $1 AND token = $2 AND state = 'running'",
    sqlite: "UPDATE main.job SET due_at = $3 + $4 WHERE id = $1 AND token = $2 AND state = 'running'",
    why: "SQLite's instants are numbers",
};

/// `$1` id, `$2` token, `$3` per cent.
pub(super) const PROGRESS: Statement<House> =
    house_sql!("UPDATE main.job SET progress = $3 WHERE id = $1 AND token = $2 AND state = 'running'");

/// `$1` id, `$2` token, `$3` now.
pub(super) const COMPLETE: Statement<House> = house_sql!(
    "UPDATE main.job SET state = 'done', progress = 100, finished_at = coalesce($3, CURRENT_TIMESTAMP) \
     WHERE id = $1 AND token = $2 AND state = 'running'"
);

/// `$1` id, `$2` token, `$3` now, `$4` wait or null, `$5` class.
pub(super) const FAIL: Statement<House> = house_sql! {
    postgres: "UPDATE main.job SET error_class = $5, \
             state = CASE WHEN tries < tries_max AND CAST($4 AS bigint) IS NOT NULL THEN 'waiting' ELSE 'dead' END, \
             finished_at = CASE WHEN tries < tries_max AND CAST($4 AS bigint) IS NOT NULL THEN NULL \
                 ELSE coalesce($3, CURRENT_TIMESTAMP) END, \
             due_at = coalesce(coalesce($3, CURRENT_TIMESTAMP) + CAST($4 AS bigint) * interval '1 microsecond', due_at) \
         WHERE id = $1 AND token = $2 AND state = 'running' RETURNING state",
    sqlite: "UPDATE main.job SET error_class = $5, \
             state = CASE WHEN tries < tries_max AND $4 IS NOT NULL THEN 'waiting' ELSE 'dead' END, \
             finished_at = CASE WHEN tries < tries_max AND $4 IS NOT NULL THEN NULL ELSE $3 END, \
             due_at = coalesce($3 + $4, due_at) \
         WHERE id = $1 AND token = $2 AND state = 'running' RETURNING state",
    why: "SQLite's instants are numbers",
};

/// `$1` id, `$2` token, `$3` now, `$4` wait.
pub(super) const GIVE_BACK: Statement<House> = house_sql! {
    postgres: "UPDATE main.job SET state = 'waiting', tries = tries - 1, returns = returns + 1, \
             due_at = coalesce($3, CURRENT_TIMESTAMP) + CAST($4 AS bigint) * interval '1 microsecond' \
         WHERE id = $1 AND token = $2 AND state = 'running'",
    sqlite: "UPDATE main.job SET state = 'waiting', tries = tries - 1, returns = returns + 1, due_at = $3 + $4 \
         WHERE id = $1 AND token = $2 AND state = 'running'",
    why: "SQLite's instants are numbers",
};

/// `$1` now, `$2` clinic, `$3` queue, `$4` unique key.
pub(super) const CANCEL: Statement<House> = house_sql!(
    "UPDATE main.job SET state = 'cancelled', finished_at = coalesce($1, CURRENT_TIMESTAMP) \
     WHERE clinic_id = $2 AND queue = $3 AND unique_key = $4 AND finished_at IS NULL"
);

/// `$1` now, `$2` clinic or null, `$3` queue or null, as in all that follow.
pub(super) const COUNTS: Statement<House> = house_sql!(
    "SELECT queue, state, count(*), sum(CASE WHEN due_at > coalesce($1, CURRENT_TIMESTAMP) THEN 1 ELSE 0 END), min(due_at) \
     FROM main.job WHERE clinic_id = coalesce($2, clinic_id) AND queue = coalesce($3, queue) \
     GROUP BY queue, state ORDER BY queue, state LIMIT 5000"
);

/// `$1` clinic, `$2` queue or null, `$3` state or null, `$4` before or null, `$5` limit. Ids are compared as they stand in their index.
pub(super) const LIST: Statement<House> = house_sql!(
    "SELECT id, clinic_id, queue, kind, state, tries, tries_max, progress, error_class, created_at, coalesce(finished_at, due_at) \
     FROM main.job WHERE clinic_id = $1 AND queue = coalesce($2, queue) AND state = coalesce($3, state) AND id < $4 \
     ORDER BY id DESC LIMIT $5"
);

/// As [`LIST`], of every clinic: without `$1`.
pub(super) const LIST_ALL: Statement<House> = house_sql!(
    "SELECT id, clinic_id, queue, kind, state, tries, tries_max, progress, error_class, created_at, coalesce(finished_at, due_at) \
     FROM main.job WHERE queue = coalesce($1, queue) AND state = coalesce($2, state) AND id < $3 ORDER BY id DESC LIMIT $4"
);

/// `$1` clinic or null, `$2` queue or null, `$3` after, `$4` limit.
pub(super) const DEAD: Statement<House> = house_sql!(
    "SELECT id, clinic_id, queue, kind, tries, tries_max, error_class, created_at, finished_at FROM main.job \
     WHERE state = 'dead' AND clinic_id = coalesce($1, clinic_id) AND queue = coalesce($2, queue) AND id > $3 \
     ORDER BY id LIMIT $4"
);

/// `$4` id.
pub(super) const REVIVE: Statement<House> = house_sql!(
    "UPDATE main.job SET state = 'waiting', tries = 0, progress = 0, finished_at = NULL, due_at = coalesce($1, CURRENT_TIMESTAMP) \
     WHERE id = $4 AND state = 'dead' AND clinic_id = coalesce($2, clinic_id) AND queue = coalesce($3, queue)"
);

/// `$4` limit.
pub(super) const REVIVE_ALL: Statement<House> = house_sql! {
    postgres: "UPDATE main.job SET state = 'waiting', tries = 0, progress = 0, finished_at = NULL, due_at = coalesce($1, CURRENT_TIMESTAMP) \
         WHERE id = ANY (ARRAY(SELECT o.id FROM main.job o WHERE o.state = 'dead' AND o.clinic_id = coalesce($2, o.clinic_id) \
             AND o.queue = coalesce($3, o.queue) ORDER BY o.id LIMIT $4 FOR UPDATE SKIP LOCKED))",
    sqlite: "UPDATE main.job SET state = 'waiting', tries = 0, progress = 0, finished_at = NULL, due_at = $1 \
         WHERE id IN (SELECT o.id FROM main.job o WHERE o.state = 'dead' AND o.clinic_id = coalesce($2, o.clinic_id) \
             AND o.queue = coalesce($3, o.queue) ORDER BY o.id LIMIT $4)",
    why: "SQLite has one writer, no row locks and no arrays",
};

/// `$1` now, `$2` state, `$3` age, `$4` limit.
pub(super) const PURGE: Statement<House> = house_sql! {
    postgres: "DELETE FROM main.job WHERE id = ANY (ARRAY(SELECT o.id FROM main.job o WHERE o.state = $2 AND o.finished_at < \
             coalesce($1, CURRENT_TIMESTAMP) - CAST($3 AS bigint) * interval '1 microsecond' \
         ORDER BY o.finished_at LIMIT $4 FOR UPDATE SKIP LOCKED))",
    sqlite: "DELETE FROM main.job WHERE id IN (SELECT o.id FROM main.job o WHERE o.state = $2 AND o.finished_at < $1 - $3 \
         ORDER BY o.finished_at LIMIT $4)",
    why: "SQLite has one writer, no row locks and no arrays, and its instants are numbers",
};
