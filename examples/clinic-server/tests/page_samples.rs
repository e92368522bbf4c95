//! Pages rendered from made-up values: what is escaped, labelled and marked as hidden.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use askama::Template;
use clinic_server::pages::view::*;

fn frame(section: Section) -> Frame {
    let person = PersonBadge { clinic: "Harbour Clinic".into(), roles: "DOCTOR".into() };
    let link = |href: &str, label, own| NavLink { href: href.into(), label, current: own == section };
    let links = vec![
        link("/board", "Day board", Section::Board),
        link("/patients", "Patients", Section::Patients),
        link("/logger", "Audit log", Section::Logger),
    ];
    Frame { person: Some(person), links, csrf: "c5rf".into(), demo: true }
}

fn value(text: &str) -> Shown {
    Shown::Value(text.into())
}

fn patients() -> PatientsPage {
    let row = |name: &str, record_number| PatientRow {
        id: "018f6c3e-7b1a-7c3d-9e55-0242ac120002".into(),
        name: value(name),
        birth_date: value("1987-04-30"),
        sex: value("female"),
        record_number,
    };
    PatientsPage {
        frame: frame(Section::Patients),
        asked: Asked { family: "<b>o'".into(), ..Asked::default() },
        problem: None,
        charts: true,
        books: true,
        results: Some(Results {
            rows: vec![
                row("Okonkwo, Adaeze", value("HC-10423")),
                row("O’Brien <script>", Shown::Hidden),
                row("Ochoa, Luz", Shown::Absent),
            ],
            next: Some("cursor".into()),
        }),
    }
}

fn chart() -> ChartPage {
    let rows = |rows: &[[&str; 3]]| {
        Some(rows.iter().map(|row| row.iter().map(|text| value(text)).collect()).collect())
    };
    let part = |id, title, rows| ChartPart {
        id,
        title,
        nothing: "Nothing recorded.",
        columns: &["When", "What", "Value"],
        rows,
    };
    let many: Vec<[&str; 3]> = vec![["2019-05-31", "Body weight", "71.4 kg"]; 40];
    ChartPage {
        frame: frame(Section::Patients),
        person: ChartPerson {
            name: value("Okonkwo, Adaeze"),
            birth_date: value("1987-04-30"),
            age: Some("39 years".into()),
            sex: value("female"),
            record_number: value("HC-10423"),
            phone: Shown::Hidden,
            email: Shown::Absent,
            address: value("14 Quay Street, 02110 Boston"),
            deceased: false,
        },
        parts: vec![
            part("allergies", "Allergies", rows(&[["2011", "Penicillin G", "high"]])),
            part(
                "conditions",
                "Conditions",
                rows(&[["2016-02-11", "Hypertension", "active"], ["2018", "Acute bronchitis", "resolved"]]),
            ),
            part("medications", "Medications", None),
            part("observations", "Observations", rows(&many)),
            part("immunizations", "Immunisations", rows(&[])),
        ],
        glass: Some(OpenGlass { until: "14:32 UTC".into(), left: "12 minutes left".into(), seconds: 722 }),
        form: Some(GlassForm { patient: "018f6c3e".into(), problem: None }),
    }
}

fn logger() -> LoggerPage {
    let entry = |number: &str, outcome: &str, tone| LogEntry {
        number: number.into(),
        at: "2026-03-01T09:00:00Z".into(),
        time: "2026-03-01 09:00:00".into(),
        who: "…ac120002".into(),
        user: Some("018f6c3e-7b1a-7c3d-9e55-0242ac120002".into()),
        roles: "DOCTOR".into(),
        what: "read patient".into(),
        target: String::new(),
        about: "…ac120003".into(),
        patient: Some("018f6c3e-7b1a-7c3d-9e55-0242ac120003".into()),
        purpose: "TREAT".into(),
        outcome: outcome.into(),
        tone,
    };
    LoggerPage {
        frame: frame(Section::Logger),
        verdict: Some(Verdict { sound: true, text: "1,204 entries checked: every one is in order.".into() }),
        entries: vec![
            entry("1204", "allowed", "given"),
            entry("1203", "denied: role", "refused"),
            entry("1202", "written", ""),
        ],
        filters: LogFilters::default(),
        second: Some(false),
        problem: None,
        next: Some("/logger?after=1202".into()),
        zone: "Europe/London".into(),
    }
}

fn board() -> BoardPage {
    let row = |id: &str, tone, patient, next| BoardRow {
        id: id.into(),
        version: 3,
        with: "7".into(),
        place: 1_773_048_600,
        from: "09:30".into(),
        until: "10:00".into(),
        patient,
        chart: None,
        service: value("Consultation"),
        note: Some("<i>late</i>".into()),
        status: "Waiting",
        tone,
        next,
        others: vec![StepButton { step: "confirm", label: "Confirm" }],
        may_cancel: true,
    };
    let start = StepButton { step: "start", label: "Start" };
    let rows =
        vec![row("1", "waiting", value("Ochoa, Luz"), Some(start)), row("2", "open", Shown::Hidden, None)];
    BoardPage {
        frame: frame(Section::Board),
        day: BoardDay {
            iso: "2026-03-09".into(),
            words: "Monday, 9 March 2026".into(),
            before: "2026-03-08".into(),
            after: "2026-03-10".into(),
            is_today: true,
        },
        colleagues: vec![Choice { value: "1".into(), label: "Dr. Erik Lindqvist".into(), chosen: true }],
        with: "1".into(),
        problem: Some("Somebody was faster.".into()),
        unseen: vec!["note".into()],
        after: String::new(),
        columns: vec![BoardColumn { with: "7".into(), name: "Dr. Erik Lindqvist".into(), rows }],
        idle: vec!["Dr. Claire Moreau".into()],
        more: Some("cursor".into()),
        next_day: None,
        may_book: true,
    }
}

fn booking(patient: Option<BookFor>) -> BookingPage {
    let time = |about: Option<&str>| TimeChoice {
        value: "2026-03-09T09:00:00Z@1".into(),
        label: "09:00".into(),
        about: about.map(Into::into),
    };
    BookingPage {
        frame: frame(Section::Booking),
        problem: Some("The time is taken.".into()),
        alternatives: vec![time(Some("Mon 9 Mar, Dr. Erik Lindqvist"))],
        patient,
        asked: Asked::default(),
        found: Some(patients().results.unwrap().rows),
        colleagues: vec![Choice { value: "1".into(), label: "Dr. Erik Lindqvist".into(), chosen: true }],
        offers: vec![Choice { value: "x-ray".into(), label: "X-ray, 15 minutes".into(), chosen: false }],
        day: "2026-03-09".into(),
        note: "\"quoted\"".into(),
        key: "018f6c3e-7b1a-7c3d-9e55-0242ac120002".into(),
        times: Some(Times {
            about: "X-ray with Dr. Erik Lindqvist".into(),
            days: vec![TimesDay { words: "Monday, 9 March 2026".into(), times: vec![time(None)] }],
            later: "2026-03-16".into(),
        }),
    }
}

fn glass() -> GlassRow {
    GlassRow {
        id: "018f6c3e-7b1a-7c3d-9e55-0242ac120002".into(),
        at: "2026-03-01T09:00:00Z".into(),
        began: "2026-03-01 09:00 UTC".into(),
        who: "…0242ac120002".into(),
        patient: "018f6c3e-7b1a-7c3d-9e55-0242ac120003".into(),
        whom: "…0242ac120003".into(),
        reason: value("Unconscious <b>after</b> a fall"),
        state: "over".into(),
        reviewed: None,
        ends: true,
        reviews: true,
    }
}

fn emergencies() -> Vec<(&'static str, String)> {
    let rows = vec![glass(), GlassRow { reason: Shown::Hidden, ..glass() }];
    let list = BreakGlassPage {
        frame: frame(Section::Emergencies),
        clinic: true,
        unreviewed: true,
        rows,
        next: Some("cursor".into()),
    };
    let access = GlassAccess {
        at: "2026-03-01T09:01:00Z".into(),
        time: "2026-03-01 09:01 UTC".into(),
        what: "read-chart patient".into(),
        outcome: "allowed".into(),
    };
    let report = GlassReportPage {
        frame: frame(Section::Emergencies),
        glass: glass(),
        accesses: Some(vec![access]),
        more: false,
    };
    let form = GlassForm { patient: "018f6c3e".into(), problem: Some("Say <why>.".into()) };
    vec![
        ("break-glass", list.render().unwrap()),
        ("break-glass-report", report.render().unwrap()),
        ("glass", GlassPage { frame: frame(Section::Patients), form }.render().unwrap()),
    ]
}

fn queues() -> JobsPage {
    let count = |label, count| CountLink { label, count, href: "/queue-dashboard?queue=email#jobs".into() };
    let job = |is_dead, error_class: &str| JobRow {
        id: "018f6c3e-7b1a-7c3d-9e55-0242ac120002".into(),
        short: "0242ac120002".into(),
        queue: "email".into(),
        kind: "appointment.email".into(),
        state: "failed".into(),
        tone: "refused",
        tries: "16 of 16".into(),
        error_class: error_class.into(),
        created: "2026-03-01 09:01:00".into(),
        is_dead,
    };
    JobsPage {
        frame: frame(Section::Queues),
        said: Some("2 jobs are tried again.".into()),
        problem: Some("state: <b>".into()),
        queues: vec![QueueRow {
            queue: "email".into(),
            counts: vec![count("Due", 0), count("Failed", 2)],
            first_due: String::new(),
            has_dead: true,
        }],
        may_retry: true,
        queue: "email".into(),
        states: vec![StateChoice { name: "dead", label: "Failed", chosen: true }],
        jobs: vec![job(true, "smtp.recipient"), job(false, "")],
        next: Some("/queue-dashboard?after=1#jobs".into()),
    }
}

#[test]
fn what_failed_can_be_tried_again_by_those_alone_who_may() {
    let shown = queues().render().unwrap();
    assert_eq!(shown.matches("method=\"post\"").count(), 3 + 1, "all, a queue, one job, and the way out");
    let looking = JobsPage { may_retry: false, ..queues() }.render().unwrap();
    assert_eq!(looking.matches("method=\"post\"").count(), 1);
    assert!(looking.contains("Your role looks at jobs"));
}

fn pages() -> Vec<(&'static str, String)> {
    let door = |problem| SignInPage {
        frame: Frame { person: None, links: Vec::new(), csrf: "c5rf".into(), demo: true },
        problem,
        doors: vec![DemoDoor {
            slug: "harbour",
            name: "Harbour Clinic",
            first: vec![DemoRole {
                role: "DOCTOR".into(),
                name: "DOCTOR".into(),
                about: "Treats <patients>".into(),
            }],
            others: Vec::new(),
        }],
    };
    let problem = ProblemPage {
        frame: frame(Section::Other),
        title: "Not found".into(),
        text: "There is no such patient.".into(),
        code: "PATIENT_NOT_FOUND".into(),
        correlation: Some("018f6c3e-7b1a-7c3d-9e55-0242ac120002".into()),
    };
    let whom = BookFor { id: "1".into(), name: value("Ochoa, Luz"), born: Shown::Absent, own: false };
    let mut pages = vec![
        ("sign-in", door(Some("E-mail and password do not match.".into())).render().unwrap()),
        ("patients", patients().render().unwrap()),
        ("chart", chart().render().unwrap()),
        ("logger", logger().render().unwrap()),
        ("board", board().render().unwrap()),
        ("booking", booking(None).render().unwrap()),
        ("booking-for", booking(Some(whom)).render().unwrap()),
        ("problem", problem.render().unwrap()),
        ("queues", queues().render().unwrap()),
    ];
    pages.extend(emergencies());
    pages
}

#[test]
fn pages_hold_nothing_that_their_policy_forbids() {
    for (name, html) in pages() {
        for forbidden in
            ["<script>", "<style", " style=", " onclick", "javascript:", "http://", "https://", "<img"]
        {
            assert!(!html.contains(forbidden), "{forbidden} in {name}");
        }
        assert_eq!(html.matches("<h1").count(), 1, "{name}");
        assert_eq!(
            html.matches("method=\"post\"").count(),
            html.matches("name=\"csrf\" value=\"c5rf\"").count(),
            "{name}"
        );
        for script in html.split("<script").skip(1) {
            assert!(script.starts_with(" src=\"/assets/board.js\" defer></script>"), "{name}");
        }
        for input in html.split("<input").skip(1).filter(|input| !input.contains("type=\"hidden\"")) {
            let id = input.split("id=\"").nth(1).unwrap().split('"').next().unwrap();
            assert!(html.contains(&format!("<label for=\"{id}\"")), "{id} in {name} has no label");
        }
    }
}

#[test]
fn values_are_escaped_and_hidden_ones_said_to_be_hidden() {
    let html = patients().render().unwrap();
    assert!(
        html.contains("O’Brien &#60;script&#62;") && html.contains("value=\"&#60;b&#62;o&#39;\""),
        "{html}"
    );
    assert_eq!(html.matches("<span class=\"hidden\">hidden</span>").count(), 1);
    assert_eq!(html.matches("not recorded</span>").count(), 1);
    let html = chart().render().unwrap();
    assert!(html.contains("Your role does not show this part of the chart."));
    assert!(html.contains("class=\"part card warns\" id=\"allergies\" open"));
    assert!(html.contains("id=\"observations\">"), "a long part is closed");
}
