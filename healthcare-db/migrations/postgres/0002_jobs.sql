-- What is to be done later: headers in clear, what it works on sealed. Outside the clinic scope: one worker serves all.
-- due_at is when it may start, and of a job that runs when its lease is over. token grows with each start, and only whoever holds the newest
-- settles. A row stays after its end, so that a unique key is used once.
CREATE TABLE job (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    queue text NOT NULL,
    kind text NOT NULL,
    unique_key text,
    state text NOT NULL,
    created_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    token bigint NOT NULL,
    tries bigint NOT NULL,
    tries_max bigint NOT NULL,
    returns bigint NOT NULL,
    progress bigint NOT NULL,
    error_class text,
    finished_at timestamptz,
    payload bytea NOT NULL,
    PRIMARY KEY (id),
    CHECK (state IN ('waiting', 'running', 'done', 'cancelled', 'dead')),
    CHECK ((finished_at IS NULL) = (state IN ('waiting', 'running'))),
    CHECK (tries >= 0 AND tries_max > 0 AND returns >= 0 AND progress BETWEEN 0 AND 100)
);

CREATE UNIQUE INDEX job_once ON job (clinic_id, queue, unique_key) WHERE unique_key IS NOT NULL;
CREATE INDEX job_due ON job (queue, due_at, id) WHERE finished_at IS NULL;
CREATE INDEX job_dead ON job (id) WHERE state = 'dead';
CREATE INDEX job_finished ON job (state, finished_at) WHERE finished_at IS NOT NULL;
