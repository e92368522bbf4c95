-- Emergency access to one patient: who, whom, from when until when, and who looked at it afterwards. Why is sealed in phi.
CREATE TABLE break_glass (
    clinic_id BLOB NOT NULL CHECK (length(clinic_id) = 16),
    id BLOB NOT NULL CHECK (length(id) = 16),
    version INTEGER NOT NULL,
    subject_id BLOB NOT NULL CHECK (length(subject_id) = 16),
    user_id BLOB NOT NULL CHECK (length(user_id) = 16),
    starts INTEGER NOT NULL,
    ends INTEGER NOT NULL,
    ended_at INTEGER,
    ended_by BLOB CHECK (length(ended_by) = 16),
    reviewed_at INTEGER,
    reviewed_by BLOB CHECK (length(reviewed_by) = 16),
    phi BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (clinic_id, id),
    FOREIGN KEY (clinic_id, subject_id) REFERENCES subject_key (clinic_id, subject_id),
    CHECK (version > 0),
    CHECK (ends > starts),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL)),
    CHECK ((reviewed_at IS NULL) = (reviewed_by IS NULL)),
    CHECK (reviewed_by <> user_id)
) STRICT;

CREATE INDEX break_glass_open ON break_glass (clinic_id, user_id, subject_id, ends);
CREATE INDEX break_glass_subject ON break_glass (clinic_id, subject_id, id);
CREATE INDEX break_glass_unreviewed ON break_glass (clinic_id, id) WHERE reviewed_at IS NULL;
