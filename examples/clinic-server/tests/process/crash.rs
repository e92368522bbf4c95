//! Killed while it starts for the first time: the next start finishes what was begun.

use super::{client::Client, log, random, server::Process, site::Site};
use std::time::{Duration, Instant};

fn killed_while_starting(site: &Site, lives: u32) {
    for life in 0..lives {
        let mut process = Process::spawn(&mut site.command(&site.data()));
        // Not to be right, but to be somewhere else each time.
        let end = Instant::now() + Duration::from_micros(u64::from(life) * 4_000 + random(8_000));
        while Instant::now() < end && process.is_running() {
            std::thread::yield_now();
        }
        process.kill();
    }
    let server = site.start();
    let mut nurse = Client::signed_in(server.address, "nurse");
    assert_eq!(nurse.ids("/api/v1/patients").len(), 4);
    assert_eq!(nurse.ids("/api/v1/practitioners").len(), 3);
    assert_eq!(nurse.ids("/api/v1/locations").len(), 1);
    server.stop();
    log::assert_sound(site);
}

#[test]
fn a_first_start_that_is_cut_short_is_finished_by_the_next() {
    killed_while_starting(&Site::sqlite(), 40);
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
fn a_first_start_that_is_cut_short_is_finished_by_the_next_on_postgres() {
    killed_while_starting(&Site::postgres(), 40);
}
