-- What is to be done later: headers in clear, what it works on sealed. Outside the clinic scope: one worker serves all.
-- due_at is when it may start, and of a job that runs when its lease is over. token grows with each start, and only whoever holds the newest
-- settles. A row stays after its end, so that a unique key is used once.
CREATE TABLE job (
    id BLOB NOT NULL CHECK (length(id) = 16),
    clinic_id BLOB NOT NULL CHECK (length(clinic_id) = 16),
    queue TEXT NOT NULL,
    kind TEXT NOT NULL,
    unique_key TEXT,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    token INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    tries_max INTEGER NOT NULL,
    returns INTEGER NOT NULL,
    progress INTEGER NOT NULL,
    error_class TEXT,
    finished_at INTEGER,
    payload BLOB NOT NULL,
    PRIMARY KEY (id),
    CHECK (state IN ('waiting', 'running', 'done', 'cancelled', 'dead')),
    CHECK ((finished_at IS NULL) = (state IN ('waiting', 'running'))),
    CHECK (tries >= 0 AND tries_max > 0 AND returns >= 0 AND progress BETWEEN 0 AND 100)
) STRICT;

CREATE UNIQUE INDEX job_once ON job (clinic_id, queue, unique_key) WHERE unique_key IS NOT NULL;
CREATE INDEX job_due ON job (queue, due_at, id) WHERE finished_at IS NULL;
CREATE INDEX job_dead ON job (id) WHERE state = 'dead';
CREATE INDEX job_finished ON job (state, finished_at) WHERE finished_at IS NOT NULL;
