CREATE SCHEMA IF NOT EXISTS audit;

-- The end of the log. Its one row is locked by whoever appends.
CREATE TABLE IF NOT EXISTS audit.audit_head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    log uuid NOT NULL UNIQUE,
    sequence bigint NOT NULL CHECK (sequence >= 0),
    epoch bigint NOT NULL CHECK (epoch >= 0),
    -- The chain value of the last entry, and the one that the next entry continues from.
    head bytea NOT NULL CHECK (length(head) = 32),
    chain bytea NOT NULL CHECK (length(chain) = 32),
    segment bigint NOT NULL CHECK (segment > 0)
);

-- The headers of the segments, as a file would begin with them.
CREATE TABLE IF NOT EXISTS audit.audit_segment (
    log uuid NOT NULL REFERENCES audit.audit_head (log),
    first_sequence bigint NOT NULL CHECK (first_sequence > 0),
    header bytea NOT NULL CHECK (length(header) = 112),
    PRIMARY KEY (log, first_sequence)
);

-- The entries, byte for byte. The columns beside them are for finding, and are compared with the bytes by the verifier.
CREATE TABLE IF NOT EXISTS audit.audit_log (
    log uuid NOT NULL REFERENCES audit.audit_head (log),
    sequence bigint NOT NULL CHECK (sequence > 0),
    clinic_id uuid NOT NULL,
    entry bytea NOT NULL CHECK (length(entry) >= 112),
    PRIMARY KEY (log, sequence)
);

CREATE INDEX IF NOT EXISTS audit_log_clinic ON audit.audit_log (log, clinic_id, sequence DESC);

CREATE OR REPLACE FUNCTION audit.append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is only added to';
END
$$;

CREATE OR REPLACE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit.append_only();
CREATE OR REPLACE TRIGGER audit_segment_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.audit_segment
    FOR EACH STATEMENT EXECUTE FUNCTION audit.append_only();
