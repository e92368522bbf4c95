-- Which processes work on this database, whether they share a memory of its rows, and until when they said so. A process without that memory
-- would take what the others are to forget for told.
CREATE TABLE memory_tier (
    id uuid NOT NULL,
    tier text NOT NULL,
    held_until timestamptz NOT NULL,
    PRIMARY KEY (id),
    CHECK (tier IN ('shared', 'none'))
);
