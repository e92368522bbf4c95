-- There is one writer, so that entries are numbered as they are committed, and no number comes again: whoever follows the outbox asks for those since
-- the last it saw. A number of one's own needs a new table.
CREATE TABLE outbox_ordered (
    written_in INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL CHECK (length(id) = 16),
    clinic_id BLOB NOT NULL CHECK (length(clinic_id) = 16),
    kind TEXT NOT NULL,
    aggregate_kind TEXT NOT NULL,
    aggregate_id BLOB NOT NULL CHECK (length(aggregate_id) = 16),
    aggregate_version INTEGER NOT NULL,
    position INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    lease INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    delivered_at INTEGER,
    body BLOB NOT NULL,
    UNIQUE (id)
) STRICT;

INSERT INTO outbox_ordered (id, clinic_id, kind, aggregate_kind, aggregate_id, aggregate_version, position, created_at, due_at, lease, attempts, delivered_at, body)
    SELECT id, clinic_id, kind, aggregate_kind, aggregate_id, aggregate_version, position, created_at, due_at, lease, attempts, delivered_at, body
    FROM outbox ORDER BY created_at, id;
DROP TABLE outbox;
ALTER TABLE outbox_ordered RENAME TO outbox;

CREATE INDEX outbox_due ON outbox (due_at, created_at, id) WHERE delivered_at IS NULL;
CREATE INDEX outbox_aggregate ON outbox (clinic_id, aggregate_kind, aggregate_id, aggregate_version, position) WHERE delivered_at IS NULL;
CREATE INDEX outbox_delivered ON outbox (delivered_at) WHERE delivered_at IS NOT NULL;
