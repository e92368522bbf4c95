//! Jobs: done by workers, seen over the API.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod api;
#[path = "../common/mod.rs"]
mod common;
mod crash;
mod kept;
mod worker;

use api::{
    another_clinic_and_other_roles_are_kept_out, dead_letters_are_tried_again, jobs_are_listed_page_by_page,
    what_is_looked_at_and_changed_is_in_the_audit_log,
    what_may_have_been_done_is_tried_again_by_its_id_alone,
};
use crash::a_killed_workers_job_is_finished_by_another;
use worker::{
    a_kind_that_nobody_knows_waits, queues_are_measured_without_a_word_of_a_clinic,
    what_is_due_after_the_stop_is_done_by_the_next, what_one_process_enqueues_another_does,
};

on_both_databases!(
    what_one_process_enqueues_another_does,
    a_kind_that_nobody_knows_waits,
    queues_are_measured_without_a_word_of_a_clinic,
    what_is_due_after_the_stop_is_done_by_the_next,
    a_killed_workers_job_is_finished_by_another,
    jobs_are_listed_page_by_page,
    dead_letters_are_tried_again,
    what_may_have_been_done_is_tried_again_by_its_id_alone,
    another_clinic_and_other_roles_are_kept_out,
    what_is_looked_at_and_changed_is_in_the_audit_log,
);
