-- A clinic's jobs, newest first.
CREATE INDEX job_of_clinic ON job (clinic_id, id);
