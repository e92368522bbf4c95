-- The first schema. Every key begins with clinic_id: rows of a clinic stay together, and no key tells of another clinic.
-- Views and triggers of the clinic scope are generated for each connection from the tables that have a clinic_id.
-- Ids are 16 bytes, instants whole microseconds since 1970-01-01 UTC, booleans 0 and 1.

-- A person's key, wrapped by the clinic's. NULL once it was destroyed: the person's rows can be opened no more.
CREATE TABLE subject_key (
    clinic_id BLOB NOT NULL CHECK (length(clinic_id) = 16),
    subject_id BLOB NOT NULL CHECK (length(subject_id) = 16),
    wrapped BLOB,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (clinic_id, subject_id)
) STRICT;

-- The clinic itself: id = clinic_id.
CREATE TABLE clinic (
    clinic_id BLOB NOT NULL CHECK (length(clinic_id) = 16),
    id BLOB NOT NULL CHECK (length(id) = 16),
    version INTEGER NOT NULL,
    subject_id BLOB CHECK (length(subject_id) = 16),
    name TEXT NOT NULL,
    slug TEXT NOT NULL,
    zone TEXT NOT NULL,
    active INTEGER NOT NULL CHECK (active IN (0, 1)),
    plugins TEXT NOT NULL,
    phi BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (clinic_id, id),
    CHECK (version > 0),
    CHECK (id = clinic_id)
) STRICT;

-- Where a clinic works.
CREATE TABLE location (
    clinic_id BLOB NOT NULL CHECK (length(clinic_id) = 16),
    id BLOB NOT NULL CHECK (length(id) = 16),
    version INTEGER NOT NULL,
    subject_id BLOB CHECK (length(subject_id) = 16),
    name TEXT NOT NULL,
    zone TEXT NOT NULL,
    address TEXT,
    active INTEGER NOT NULL CHECK (active IN (0, 1)),
    phi BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (clinic_id, id),
    CHECK (version > 0)
) STRICT;

-- What can be booked.
CREATE TABLE service (
    clinic_id BLOB NOT NULL CHECK (length(clinic_id) = 16),
    id BLOB NOT NULL CHECK (length(id) = 16),
    version INTEGER NOT NULL,
    subject_id BLOB CHECK (length(subject_id) = 16),
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    duration_minutes INTEGER NOT NULL,
    active INTEGER NOT NULL CHECK (active IN (0, 1)),
    phi BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (clinic_id, id),
    CHECK (version > 0),
    CHECK (duration_minutes > 0),
    UNIQUE (clinic_id, code)
) STRICT;

-- Who treats. Working hours are JSON.
CREATE TABLE practitioner (
    clinic_id BLOB NOT NULL CHECK (length(clinic_id) = 16),
    id BLOB NOT NULL CHECK (length(id) = 16),
    version INTEGER NOT NULL,
    subject_id BLOB CHECK (length(subject_id) = 16),
    family TEXT NOT NULL,
    given TEXT NOT NULL,
    prefix TEXT,
    location_id BLOB CHECK (length(location_id) = 16),
    hours TEXT NOT NULL,
    active INTEGER NOT NULL CHECK (active IN (0, 1)),
    phi BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (clinic_id, id),
    CHECK (version > 0)
) STRICT;

-- Who is treated: their own subject.
CREATE TABLE patient (
    clinic_id BLOB NOT NULL CHECK (length(clinic_id) = 16),
    id BLOB NOT NULL CHECK (length(id) = 16),
    version INTEGER NOT NULL,
    subject_id BLOB NOT NULL CHECK (length(subject_id) = 16),
    active INTEGER NOT NULL CHECK (active IN (0, 1)),
    phi BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (clinic_id, id),
    FOREIGN KEY (clinic_id, subject_id) REFERENCES subject_key (clinic_id, subject_id),
    CHECK (version > 0),
    CHECK (subject_id = id)
) STRICT;

-- Times in UTC, with the zone they were agreed in.
CREATE TABLE appointment (
    clinic_id BLOB NOT NULL CHECK (length(clinic_id) = 16),
    id BLOB NOT NULL CHECK (length(id) = 16),
    version INTEGER NOT NULL,
    subject_id BLOB NOT NULL CHECK (length(subject_id) = 16),
    practitioner_id BLOB NOT NULL CHECK (length(practitioner_id) = 16),
    location_id BLOB NOT NULL CHECK (length(location_id) = 16),
    status TEXT NOT NULL,
    confirmed INTEGER NOT NULL CHECK (confirmed IN (0, 1)),
    starts INTEGER NOT NULL,
    ends INTEGER NOT NULL,
    zone TEXT NOT NULL,
    phi BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (clinic_id, id),
    FOREIGN KEY (clinic_id, subject_id) REFERENCES subject_key (clinic_id, subject_id),
    CHECK (version > 0),
    CHECK (ends > starts)
) STRICT;

CREATE INDEX appointment_subject ON appointment (clinic_id, subject_id, id);
CREATE INDEX appointment_practitioner_id_starts_ends ON appointment (clinic_id, practitioner_id, starts, ends);
CREATE INDEX appointment_practitioner_id_subject_id ON appointment (clinic_id, practitioner_id, subject_id);
CREATE INDEX appointment_starts_ends ON appointment (clinic_id, starts, ends);

-- A contact. Who treats whom is read from here.
CREATE TABLE encounter (
    clinic_id BLOB NOT NULL CHECK (length(clinic_id) = 16),
    id BLOB NOT NULL CHECK (length(id) = 16),
    version INTEGER NOT NULL,
    subject_id BLOB NOT NULL CHECK (length(subject_id) = 16),
    practitioner_id BLOB CHECK (length(practitioner_id) = 16),
    location_id BLOB CHECK (length(location_id) = 16),
    phi BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (clinic_id, id),
    FOREIGN KEY (clinic_id, subject_id) REFERENCES subject_key (clinic_id, subject_id),
    CHECK (version > 0)
) STRICT;

CREATE INDEX encounter_subject ON encounter (clinic_id, subject_id, id);
CREATE INDEX encounter_practitioner_id_subject_id ON encounter (clinic_id, practitioner_id, subject_id);

-- Diagnoses and problems.
CREATE TABLE condition (
    clinic_id BLOB NOT NULL CHECK (length(clinic_id) = 16),
    id BLOB NOT NULL CHECK (length(id) = 16),
    version INTEGER NOT NULL,
    subject_id BLOB NOT NULL CHECK (length(subject_id) = 16),
    encounter_id BLOB CHECK (length(encounter_id) = 16),
    phi BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (clinic_id, id),
    FOREIGN KEY (clinic_id, subject_id) REFERENCES subject_key (clinic_id, subject_id),
    CHECK (version > 0)
) STRICT;

CREATE INDEX condition_subject ON condition (clinic_id, subject_id, id);

-- Findings and measurements.
CREATE TABLE observation (
    clinic_id BLOB NOT NULL CHECK (length(clinic_id) = 16),
    id BLOB NOT NULL CHECK (length(id) = 16),
    version INTEGER NOT NULL,
    subject_id BLOB NOT NULL CHECK (length(subject_id) = 16),
    encounter_id BLOB CHECK (length(encounter_id) = 16),
    phi BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (clinic_id, id),
    FOREIGN KEY (clinic_id, subject_id) REFERENCES subject_key (clinic_id, subject_id),
    CHECK (version > 0)
) STRICT;

CREATE INDEX observation_subject ON observation (clinic_id, subject_id, id);

-- Prescriptions.
CREATE TABLE medication_request (
    clinic_id BLOB NOT NULL CHECK (length(clinic_id) = 16),
    id BLOB NOT NULL CHECK (length(id) = 16),
    version INTEGER NOT NULL,
    subject_id BLOB NOT NULL CHECK (length(subject_id) = 16),
    encounter_id BLOB CHECK (length(encounter_id) = 16),
    practitioner_id BLOB CHECK (length(practitioner_id) = 16),
    phi BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (clinic_id, id),
    FOREIGN KEY (clinic_id, subject_id) REFERENCES subject_key (clinic_id, subject_id),
    CHECK (version > 0)
) STRICT;

CREATE INDEX medication_request_subject ON medication_request (clinic_id, subject_id, id);

-- Allergies and intolerances.
CREATE TABLE allergy_intolerance (
    clinic_id BLOB NOT NULL CHECK (length(clinic_id) = 16),
    id BLOB NOT NULL CHECK (length(id) = 16),
    version INTEGER NOT NULL,
    subject_id BLOB NOT NULL CHECK (length(subject_id) = 16),
    encounter_id BLOB CHECK (length(encounter_id) = 16),
    phi BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (clinic_id, id),
    FOREIGN KEY (clinic_id, subject_id) REFERENCES subject_key (clinic_id, subject_id),
    CHECK (version > 0)
) STRICT;

CREATE INDEX allergy_intolerance_subject ON allergy_intolerance (clinic_id, subject_id, id);

-- What was done.
CREATE TABLE procedure (
    clinic_id BLOB NOT NULL CHECK (length(clinic_id) = 16),
    id BLOB NOT NULL CHECK (length(id) = 16),
    version INTEGER NOT NULL,
    subject_id BLOB NOT NULL CHECK (length(subject_id) = 16),
    encounter_id BLOB CHECK (length(encounter_id) = 16),
    phi BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (clinic_id, id),
    FOREIGN KEY (clinic_id, subject_id) REFERENCES subject_key (clinic_id, subject_id),
    CHECK (version > 0)
) STRICT;

CREATE INDEX procedure_subject ON procedure (clinic_id, subject_id, id);

-- Vaccinations.
CREATE TABLE immunization (
    clinic_id BLOB NOT NULL CHECK (length(clinic_id) = 16),
    id BLOB NOT NULL CHECK (length(id) = 16),
    version INTEGER NOT NULL,
    subject_id BLOB NOT NULL CHECK (length(subject_id) = 16),
    encounter_id BLOB CHECK (length(encounter_id) = 16),
    phi BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (clinic_id, id),
    FOREIGN KEY (clinic_id, subject_id) REFERENCES subject_key (clinic_id, subject_id),
    CHECK (version > 0)
) STRICT;

CREATE INDEX immunization_subject ON immunization (clinic_id, subject_id, id);

-- A resource, for a time, for one holder alone.
CREATE TABLE claim (
    clinic_id BLOB NOT NULL CHECK (length(clinic_id) = 16),
    resource_kind TEXT NOT NULL,
    resource_id BLOB NOT NULL CHECK (length(resource_id) = 16),
    starts_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    holder_id BLOB NOT NULL CHECK (length(holder_id) = 16),
    PRIMARY KEY (clinic_id, resource_kind, resource_id, starts_at),
    CHECK (ends_at > starts_at)
) STRICT;

CREATE INDEX claim_holder ON claim (clinic_id, holder_id);

-- SQLite has no exclusion constraint. Writers take turns, so a look before the insert is enough. Claims that are there do not
-- overlap, so the last one to start before the new one's end is the last to end: it alone can be in the way.
CREATE TRIGGER claim_overlap_insert BEFORE INSERT ON claim
WHEN NEW.starts_at < (
    SELECT ends_at FROM claim
    WHERE clinic_id = NEW.clinic_id AND resource_kind = NEW.resource_kind AND resource_id = NEW.resource_id
          AND starts_at < NEW.ends_at
    ORDER BY starts_at DESC LIMIT 1
)
BEGIN
    SELECT RAISE(ABORT, 'claims overlap');
END;

-- SQLite has no exclusion constraint. Writers take turns, so a look before the update is enough. Claims that are there do not
-- overlap, so the last one to start before the new one's end is the last to end: it alone can be in the way.
CREATE TRIGGER claim_overlap_update BEFORE UPDATE ON claim
WHEN NEW.starts_at < (
    SELECT ends_at FROM claim
    WHERE clinic_id = NEW.clinic_id AND resource_kind = NEW.resource_kind AND resource_id = NEW.resource_id
          AND starts_at < NEW.ends_at AND rowid <> NEW.rowid
    ORDER BY starts_at DESC LIMIT 1
)
BEGIN
    SELECT RAISE(ABORT, 'claims overlap');
END;

-- What records are found by: keyed hashes of normalised words. Equality is all that is asked.
CREATE TABLE blind_index (
    clinic_id BLOB NOT NULL CHECK (length(clinic_id) = 16),
    kind TEXT NOT NULL,
    field TEXT NOT NULL,
    token BLOB NOT NULL,
    record_id BLOB NOT NULL CHECK (length(record_id) = 16),
    PRIMARY KEY (clinic_id, kind, field, token, record_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX blind_index_record ON blind_index (clinic_id, kind, record_id);

-- Answers kept for idempotency keys. actor_id is the user, or the nil id for the system.
CREATE TABLE idempotency (
    clinic_id BLOB NOT NULL CHECK (length(clinic_id) = 16),
    actor_id BLOB NOT NULL CHECK (length(actor_id) = 16),
    key_hash BLOB NOT NULL,
    request_hash BLOB NOT NULL,
    reply BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (clinic_id, actor_id, key_hash)
) STRICT;

CREATE INDEX idempotency_age ON idempotency (clinic_id, created_at);

-- What was committed and is not delivered yet: headers in clear, the body sealed. Outside the clinic scope: one relay serves all.
CREATE TABLE outbox (
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
    PRIMARY KEY (id)
) STRICT;

CREATE INDEX outbox_due ON outbox (due_at, created_at, id) WHERE delivered_at IS NULL;
CREATE INDEX outbox_aggregate ON outbox (clinic_id, aggregate_kind, aggregate_id, aggregate_version, position) WHERE delivered_at IS NULL;
CREATE INDEX outbox_delivered ON outbox (delivered_at) WHERE delivered_at IS NOT NULL;

-- A clinic's key, wrapped by the master key.
CREATE TABLE scope_key (
    clinic_id BLOB NOT NULL CHECK (length(clinic_id) = 16),
    wrapped BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (clinic_id)
) STRICT;

-- Users as sign-in knows them. email_hash is a keyed hash of the normal form of the address.
CREATE TABLE app_user (
    id BLOB NOT NULL CHECK (length(id) = 16),
    email_hash BLOB NOT NULL,
    sealed BLOB,
    password_hash TEXT,
    status TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (email_hash),
    CHECK (epoch >= 0)
) STRICT;

-- That a user belongs to a clinic, and as what. roles are codes parted by commas.
CREATE TABLE membership (
    user_id BLOB NOT NULL CHECK (length(user_id) = 16),
    clinic_id BLOB NOT NULL CHECK (length(clinic_id) = 16),
    roles TEXT NOT NULL,
    profile_kind TEXT,
    profile_id BLOB CHECK (length(profile_id) = 16),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, clinic_id),
    FOREIGN KEY (user_id) REFERENCES app_user (id),
    CHECK ((profile_kind IS NULL) = (profile_id IS NULL))
) STRICT;

CREATE INDEX membership_clinic ON membership (clinic_id, user_id);

-- One sign-in each, with hashes of its newest refresh secret and the one before.
CREATE TABLE session (
    id BLOB NOT NULL CHECK (length(id) = 16),
    user_id BLOB NOT NULL CHECK (length(user_id) = 16),
    clinic_id BLOB NOT NULL CHECK (length(clinic_id) = 16),
    refresh_hash BLOB NOT NULL,
    previous_hash BLOB,
    rotated_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    idle_until INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    revoked_at INTEGER,
    revoked_why TEXT,
    PRIMARY KEY (id),
    FOREIGN KEY (user_id) REFERENCES app_user (id)
) STRICT;

CREATE INDEX session_of_user ON session (user_id, clinic_id);
CREATE INDEX session_ends ON session (ends_at);
