-- The first schema. Every key begins with clinic_id: rows of a clinic stay together, and no key tells of another clinic.
-- Row security and grants are generated from the tables that have a clinic_id, after the migrations have run.
-- Indexed columns are uuid, text, bytea, bigint, boolean and timestamptz: their comparisons are leakproof, so that an index serves
-- under row security.

CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public;

-- A person's key, wrapped by the clinic's. NULL once it was destroyed: the person's rows can be opened no more.
CREATE TABLE subject_key (
    clinic_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    wrapped bytea,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (clinic_id, subject_id)
);

-- The clinic itself: id = clinic_id.
CREATE TABLE clinic (
    clinic_id uuid NOT NULL,
    id uuid NOT NULL,
    version bigint NOT NULL,
    subject_id uuid,
    name text NOT NULL,
    slug text NOT NULL,
    zone text NOT NULL,
    active boolean NOT NULL,
    plugins text NOT NULL,
    phi bytea NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (clinic_id, id),
    CHECK (version > 0),
    CHECK (id = clinic_id)
);

-- Where a clinic works.
CREATE TABLE location (
    clinic_id uuid NOT NULL,
    id uuid NOT NULL,
    version bigint NOT NULL,
    subject_id uuid,
    name text NOT NULL,
    zone text NOT NULL,
    address text,
    active boolean NOT NULL,
    phi bytea NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (clinic_id, id),
    CHECK (version > 0)
);

-- What can be booked.
CREATE TABLE service (
    clinic_id uuid NOT NULL,
    id uuid NOT NULL,
    version bigint NOT NULL,
    subject_id uuid,
    code text NOT NULL,
    name text NOT NULL,
    duration_minutes bigint NOT NULL,
    active boolean NOT NULL,
    phi bytea NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (clinic_id, id),
    CHECK (version > 0),
    CHECK (duration_minutes > 0),
    UNIQUE (clinic_id, code)
);

-- Who treats. Working hours are JSON.
CREATE TABLE practitioner (
    clinic_id uuid NOT NULL,
    id uuid NOT NULL,
    version bigint NOT NULL,
    subject_id uuid,
    family text NOT NULL,
    given text NOT NULL,
    prefix text,
    location_id uuid,
    hours text NOT NULL,
    active boolean NOT NULL,
    phi bytea NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (clinic_id, id),
    CHECK (version > 0)
);

-- Who is treated: their own subject.
CREATE TABLE patient (
    clinic_id uuid NOT NULL,
    id uuid NOT NULL,
    version bigint NOT NULL,
    subject_id uuid NOT NULL,
    active boolean NOT NULL,
    phi bytea NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (clinic_id, id),
    FOREIGN KEY (clinic_id, subject_id) REFERENCES subject_key (clinic_id, subject_id),
    CHECK (version > 0),
    CHECK (subject_id = id)
);

-- Times in UTC, with the zone they were agreed in.
CREATE TABLE appointment (
    clinic_id uuid NOT NULL,
    id uuid NOT NULL,
    version bigint NOT NULL,
    subject_id uuid NOT NULL,
    practitioner_id uuid NOT NULL,
    location_id uuid NOT NULL,
    status text NOT NULL,
    confirmed boolean NOT NULL,
    starts timestamptz NOT NULL,
    ends timestamptz NOT NULL,
    zone text NOT NULL,
    phi bytea NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (clinic_id, id),
    FOREIGN KEY (clinic_id, subject_id) REFERENCES subject_key (clinic_id, subject_id),
    CHECK (version > 0),
    CHECK (ends > starts)
);

CREATE INDEX appointment_subject ON appointment (clinic_id, subject_id, id);
CREATE INDEX appointment_practitioner_id_starts_ends ON appointment (clinic_id, practitioner_id, starts, ends);
CREATE INDEX appointment_practitioner_id_subject_id ON appointment (clinic_id, practitioner_id, subject_id);
CREATE INDEX appointment_starts_ends ON appointment (clinic_id, starts, ends);

-- A contact. Who treats whom is read from here.
CREATE TABLE encounter (
    clinic_id uuid NOT NULL,
    id uuid NOT NULL,
    version bigint NOT NULL,
    subject_id uuid NOT NULL,
    practitioner_id uuid,
    location_id uuid,
    phi bytea NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (clinic_id, id),
    FOREIGN KEY (clinic_id, subject_id) REFERENCES subject_key (clinic_id, subject_id),
    CHECK (version > 0)
);

CREATE INDEX encounter_subject ON encounter (clinic_id, subject_id, id);
CREATE INDEX encounter_practitioner_id_subject_id ON encounter (clinic_id, practitioner_id, subject_id);

-- Diagnoses and problems.
CREATE TABLE condition (
    clinic_id uuid NOT NULL,
    id uuid NOT NULL,
    version bigint NOT NULL,
    subject_id uuid NOT NULL,
    encounter_id uuid,
    phi bytea NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (clinic_id, id),
    FOREIGN KEY (clinic_id, subject_id) REFERENCES subject_key (clinic_id, subject_id),
    CHECK (version > 0)
);

CREATE INDEX condition_subject ON condition (clinic_id, subject_id, id);

-- Findings and measurements.
CREATE TABLE observation (
    clinic_id uuid NOT NULL,
    id uuid NOT NULL,
    version bigint NOT NULL,
    subject_id uuid NOT NULL,
    encounter_id uuid,
    phi bytea NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (clinic_id, id),
    FOREIGN KEY (clinic_id, subject_id) REFERENCES subject_key (clinic_id, subject_id),
    CHECK (version > 0)
);

CREATE INDEX observation_subject ON observation (clinic_id, subject_id, id);

-- Prescriptions.
CREATE TABLE medication_request (
    clinic_id uuid NOT NULL,
    id uuid NOT NULL,
    version bigint NOT NULL,
    subject_id uuid NOT NULL,
    encounter_id uuid,
    practitioner_id uuid,
    phi bytea NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (clinic_id, id),
    FOREIGN KEY (clinic_id, subject_id) REFERENCES subject_key (clinic_id, subject_id),
    CHECK (version > 0)
);

CREATE INDEX medication_request_subject ON medication_request (clinic_id, subject_id, id);

-- Allergies and intolerances.
CREATE TABLE allergy_intolerance (
    clinic_id uuid NOT NULL,
    id uuid NOT NULL,
    version bigint NOT NULL,
    subject_id uuid NOT NULL,
    encounter_id uuid,
    phi bytea NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (clinic_id, id),
    FOREIGN KEY (clinic_id, subject_id) REFERENCES subject_key (clinic_id, subject_id),
    CHECK (version > 0)
);

CREATE INDEX allergy_intolerance_subject ON allergy_intolerance (clinic_id, subject_id, id);

-- What was done.
CREATE TABLE procedure (
    clinic_id uuid NOT NULL,
    id uuid NOT NULL,
    version bigint NOT NULL,
    subject_id uuid NOT NULL,
    encounter_id uuid,
    phi bytea NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (clinic_id, id),
    FOREIGN KEY (clinic_id, subject_id) REFERENCES subject_key (clinic_id, subject_id),
    CHECK (version > 0)
);

CREATE INDEX procedure_subject ON procedure (clinic_id, subject_id, id);

-- Vaccinations.
CREATE TABLE immunization (
    clinic_id uuid NOT NULL,
    id uuid NOT NULL,
    version bigint NOT NULL,
    subject_id uuid NOT NULL,
    encounter_id uuid,
    phi bytea NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (clinic_id, id),
    FOREIGN KEY (clinic_id, subject_id) REFERENCES subject_key (clinic_id, subject_id),
    CHECK (version > 0)
);

CREATE INDEX immunization_subject ON immunization (clinic_id, subject_id, id);

-- A resource, for a time, for one holder alone.
CREATE TABLE claim (
    clinic_id uuid NOT NULL,
    resource_kind text NOT NULL,
    resource_id uuid NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    holder_id uuid NOT NULL,
    PRIMARY KEY (clinic_id, resource_kind, resource_id, starts_at),
    CHECK (ends_at > starts_at),
    CONSTRAINT claim_overlap EXCLUDE USING gist (
        clinic_id WITH =, resource_kind WITH =, resource_id WITH =, tstzrange(starts_at, ends_at, '[)') WITH &&
    )
);

CREATE INDEX claim_holder ON claim (clinic_id, holder_id);

-- What records are found by: keyed hashes of normalised words. Equality is all that is asked.
CREATE TABLE blind_index (
    clinic_id uuid NOT NULL,
    kind text NOT NULL,
    field text NOT NULL,
    token bytea NOT NULL,
    record_id uuid NOT NULL,
    PRIMARY KEY (clinic_id, kind, field, token, record_id)
);

-- Begins with the record, so that it cannot pass for the index that finds by token in the order of records.
CREATE INDEX blind_index_record ON blind_index (record_id, clinic_id);

-- Answers kept for idempotency keys. actor_id is the user, or the nil id for the system.
CREATE TABLE idempotency (
    clinic_id uuid NOT NULL,
    actor_id uuid NOT NULL,
    key_hash bytea NOT NULL,
    request_hash bytea NOT NULL,
    reply bytea NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (clinic_id, actor_id, key_hash)
);

CREATE INDEX idempotency_age ON idempotency (clinic_id, created_at);

-- What was committed and is not delivered yet: headers in clear, the body sealed. Outside the clinic scope: one relay serves all.
CREATE TABLE outbox (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    kind text NOT NULL,
    aggregate_kind text NOT NULL,
    aggregate_id uuid NOT NULL,
    aggregate_version bigint NOT NULL,
    position bigint NOT NULL,
    created_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    lease bigint NOT NULL,
    attempts bigint NOT NULL,
    delivered_at timestamptz,
    body bytea NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX outbox_due ON outbox (due_at, created_at, id) WHERE delivered_at IS NULL;
CREATE INDEX outbox_aggregate ON outbox (clinic_id, aggregate_kind, aggregate_id, aggregate_version, position) WHERE delivered_at IS NULL;
CREATE INDEX outbox_delivered ON outbox (delivered_at) WHERE delivered_at IS NOT NULL;

-- A clinic's key, wrapped by the master key.
CREATE TABLE scope_key (
    clinic_id uuid NOT NULL,
    wrapped bytea NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (clinic_id)
);

-- Users as sign-in knows them. email_hash is a keyed hash of the normal form of the address.
CREATE TABLE app_user (
    id uuid NOT NULL,
    email_hash bytea NOT NULL,
    sealed bytea,
    password_hash text,
    status text NOT NULL,
    epoch bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (email_hash),
    CHECK (epoch >= 0)
);

-- That a user belongs to a clinic, and as what. roles are codes parted by commas.
CREATE TABLE membership (
    user_id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    roles text NOT NULL,
    profile_kind text,
    profile_id uuid,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, clinic_id),
    FOREIGN KEY (user_id) REFERENCES app_user (id),
    CHECK ((profile_kind IS NULL) = (profile_id IS NULL))
);

CREATE INDEX membership_clinic ON membership (clinic_id, user_id);

-- One sign-in each, with hashes of its newest refresh secret and the one before.
CREATE TABLE session (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    refresh_hash bytea NOT NULL,
    previous_hash bytea,
    rotated_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    idle_until timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_why text,
    PRIMARY KEY (id),
    FOREIGN KEY (user_id) REFERENCES app_user (id)
);

CREATE INDEX session_of_user ON session (user_id, clinic_id);
CREATE INDEX session_ends ON session (ends_at);
