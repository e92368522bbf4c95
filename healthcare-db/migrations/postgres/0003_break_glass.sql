-- Emergency access to one patient: who, whom, from when until when, and who looked at it afterwards. Why is sealed in phi.
CREATE TABLE break_glass (
    clinic_id uuid NOT NULL,
    id uuid NOT NULL,
    version bigint NOT NULL,
    subject_id uuid NOT NULL,
    user_id uuid NOT NULL,
    starts timestamptz NOT NULL,
    ends timestamptz NOT NULL,
    ended_at timestamptz,
    ended_by uuid,
    reviewed_at timestamptz,
    reviewed_by uuid,
    phi bytea NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (clinic_id, id),
    FOREIGN KEY (clinic_id, subject_id) REFERENCES subject_key (clinic_id, subject_id),
    CHECK (version > 0),
    CHECK (ends > starts),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL)),
    CHECK ((reviewed_at IS NULL) = (reviewed_by IS NULL)),
    CHECK (reviewed_by <> user_id)
);

CREATE INDEX break_glass_open ON break_glass (clinic_id, user_id, subject_id, ends);
CREATE INDEX break_glass_subject ON break_glass (clinic_id, subject_id, id);
CREATE INDEX break_glass_unreviewed ON break_glass (clinic_id, id) WHERE reviewed_at IS NULL;
