-- The transaction that wrote the entry: whoever follows the outbox asks for those since the oldest one that had not ended when it last looked.
ALTER TABLE outbox ADD COLUMN written_in xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX outbox_written_in ON outbox (written_in);
