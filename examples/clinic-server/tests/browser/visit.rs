//! What a visit is made of, and that keys are enough for it.

use super::{chromium::Chromium, common::Site, window::Window};

/// Books a consultation for this patient at the first free time from the second day on. The page is then the board of that day.
pub fn book(desk: &Window<'_>, family: &str) -> String {
    desk.go("/appointments/new");
    desk.fill("family", family);
    desk.press("form.search button", "Find");
    desk.press("button[name=patient]", family);
    desk.press("button", "Show free times");
    desk.press("button[name=later]", "Later");
    let chosen =
        desk.eval("document.querySelector('button[name=choice]').textContent").as_str().unwrap().to_owned();
    desk.press("button[name=choice]", &chosen);
    assert!(desk.path().starts_with("/board?day="), "{}", desk.path());
    desk.path()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Chromium: cargo xtask test"]
async fn keys_alone_are_enough() {
    let site = Site::sqlite();
    let running = site.start().await;
    let chromium = Chromium::start();
    let window = Window::open(&chromium, running.address);
    window.sign_in("RECEPTIONIST");
    let key = |key: &str, code: u32| {
        let text = if key == "Enter" { "\r" } else { "" };
        for kind in ["keyDown", "keyUp"] {
            let event = serde_json::json!({"type": kind, "key": key, "code": key, "text": text, "windowsVirtualKeyCode": code});
            window.call("Input.dispatchKeyEvent", event);
        }
    };
    // The first key leads past the navigation; what has the focus can be seen.
    key("Tab", 9);
    assert_eq!(window.eval("document.activeElement.className"), "skip");
    assert_eq!(window.eval("document.activeElement.getBoundingClientRect().top >= 0"), true);
    let mut seen = Vec::new();
    for _ in 0..12 {
        key("Tab", 9);
        let outline = "getComputedStyle(document.activeElement).outlineWidth";
        assert_eq!(window.eval(outline), "3px", "{}", window.eval("document.activeElement.outerHTML"));
        seen.push(
            window.eval("document.activeElement.textContent").as_str().unwrap_or_default().trim().to_owned(),
        );
    }
    for text in ["Patients", "Sign out", "Book"] {
        assert!(seen.iter().any(|one| one == text), "{text} in {seen:?}");
    }
    window.eval(
        "[...document.querySelectorAll('nav a')].find((one) => one.textContent === 'Patients').focus()",
    );
    key("Enter", 13);
    window.until(
        "location.pathname === '/patients' && document.readyState === 'complete'",
        "Enter follows a link",
    );
    drop(chromium);
    running.stop().await;
}
