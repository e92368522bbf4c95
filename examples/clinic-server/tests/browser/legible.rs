//! Each page at the width of a screen and of a telephone, light and dark: nothing wider than the window, nothing too pale to read, every
//! control with a name. With `HEALTHCARE_SCREENSHOTS=DIR` each is also written there as a picture.

use super::{
    chromium::Chromium,
    common::{HARBOUR, Site},
    visit::book,
    window::Window,
};
use clinic_server::commands::Running;
use healthcare_messaging::{JobFilter, NewJob};
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

const SIZES: [(&str, u32, u32); 2] = [("desktop", 1280, 900), ("phone", 390, 844)];

struct Looker<'w> {
    window: &'w Window<'w>,
    pictures: Option<PathBuf>,
    wrong: Vec<String>,
}

impl Looker<'_> {
    /// Looks at the page that is there.
    fn look(&mut self, name: &str) {
        for (device, width, height) in SIZES {
            self.window.size(width, height);
            for scheme in ["dark", "light"] {
                self.window.scheme(scheme);
                let found = self.window.eval(include_str!("legible.js"));
                let found = found.as_array().unwrap().iter();
                self.wrong.extend(found.map(|one| format!("{name} {device} {scheme}: {one}")));
                let is_shown = scheme == "light" || (name == "board" && device == "desktop");
                if let Some(dir) = self.pictures.as_ref().filter(|_| is_shown) {
                    let shade = if scheme == "dark" { "-dark" } else { "" };
                    let picture = self.window.picture(height * 3 / 2);
                    std::fs::write(dir.join(format!("{name}-{device}{shade}.png")), picture).unwrap();
                }
            }
        }
        self.window.size(1280, 900);
    }
}

/// Jobs that no version of the server can do: each is a dead letter at once.
async fn broken_jobs(running: &Running) {
    let jobs = &running.server.app.jobs;
    for kind in ["appointment.email", "appointment.email", "appointment.notify"] {
        let queue = if kind == "appointment.email" { "email" } else { "notification" };
        let job = NewJob::raw(HARBOUR.parse().unwrap(), queue, kind, "{}").tries(1);
        jobs.enqueue(job.build().unwrap()).await.unwrap();
    }
    let end = Instant::now() + Duration::from_secs(60);
    let dead = async || {
        let counts = jobs.store().counts(&JobFilter::clinic(HARBOUR.parse().unwrap())).await.unwrap();
        counts.iter().map(|count| count.dead).sum::<u64>()
    };
    while dead().await < 3 {
        assert!(Instant::now() < end, "they do not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Chromium: cargo xtask test"]
async fn every_page_can_be_read_on_a_screen_and_on_a_telephone() {
    let site = Site::sqlite();
    let running = site.start().await;
    let chromium = Chromium::start();
    let window = Window::open(&chromium, running.address);
    let pictures = std::env::var_os("HEALTHCARE_SCREENSHOTS").map(PathBuf::from);
    let mut looker = Looker { window: &window, pictures, wrong: Vec::new() };
    window.go("/sign-in");
    looker.look("sign-in");

    window.sign_in("NURSE");
    for family in ["Castellanos", "Brannigan", "Dziedzic"] {
        book(&window, family);
    }
    window.press(".slot button", "Check in");
    looker.look("board");
    window.go("/appointments/new");
    window.fill("family", "Ashdown");
    window.press("form.search button", "Find");
    window.press("button[name=patient]", "Ashdown");
    window.press("button", "Show free times");
    looker.look("booking");
    window.go("/patients");
    window.fill("family", "ashd");
    window.press("form.search button", "Find");
    looker.look("patients");
    window.press("tbody a", "Ashdown");
    looker.look("chart");

    // Somebody whom this doctor does not treat: the glass, and the chart behind it.
    window.press("button", "Sign out");
    window.sign_in("DOCTOR");
    window.go("/patients");
    window.fill("family", "dzie");
    window.press("form.search button", "Find");
    window.press("tbody a", "Dziedzic");
    looker.look("glass");
    window.fill("glass-reason", "Found unconscious in the waiting room");
    window.press("button", "Break the glass");
    looker.look("emergency");
    window.press("button", "Sign out");
    window.sign_in("COMPLIANCE_OFFICER");
    window.go("/break-glass");
    looker.look("break-glass");

    window.press("button", "Sign out");
    window.sign_in("PHARMACIST");
    window.go("/board");
    looker.look("refused");
    window.go("/api-docs");
    looker.look("api");
    window.press("button", "Sign out");
    broken_jobs(&running).await;
    window.sign_in("CLINIC_ADMIN");
    window.go("/queue-dashboard");
    looker.look("queues");

    window.press("button", "Sign out");
    window.sign_in("AUDITOR");
    window.go("/logger");
    window.press("button", "Verify");
    looker.look("logger");

    assert!(looker.wrong.is_empty(), "{}", looker.wrong.join("\n"));
    assert_eq!(chromium.complaints(), Vec::<String>::new());
    drop(chromium);
    running.stop().await;
}
