//! One window, as a person has it before them.

use super::chromium::{Chromium, PATIENCE};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Instant};

pub struct Window<'c> {
    chromium: &'c Chromium,
    session: String,
    site: SocketAddr,
}

impl<'c> Window<'c> {
    /// A window of its own, with cookies of its own: another person before another screen.
    pub fn open(chromium: &'c Chromium, site: SocketAddr) -> Self {
        let context =
            chromium.call(None, "Target.createBrowserContext", json!({}))["browserContextId"].clone();
        let target = json!({"url": "about:blank", "browserContextId": context});
        let target = chromium.call(None, "Target.createTarget", target)["targetId"].clone();
        let attach = json!({"targetId": target, "flatten": true});
        let session =
            chromium.call(None, "Target.attachToTarget", attach)["sessionId"].as_str().unwrap().to_owned();
        let window = Self { chromium, session, site };
        for domain in ["Page", "Runtime", "Log"] {
            window.call(&format!("{domain}.enable"), json!({}));
        }
        window.size(1280, 900);
        window
    }

    pub fn call(&self, method: &str, params: Value) -> Value {
        self.chromium.call(Some(&self.session), method, params)
    }

    /// How large the window is. One as narrow as a telephone is one.
    pub fn size(&self, width: u32, height: u32) {
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.call("Emulation.setDeviceMetricsOverride", metrics);
    }

    pub fn scheme(&self, scheme: &str) {
        let features = json!({"features": [
            {"name": "prefers-color-scheme", "value": scheme},
            // So that no colour is looked at on its way to another.
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]});
        self.call("Emulation.setEmulatedMedia", features);
    }

    pub fn go(&self, path: &str) {
        let answer = self.call("Page.navigate", json!({"url": format!("http://{}{path}", self.site)}));
        assert!(answer["errorText"].is_null(), "{path}: {answer}");
        self.until("document.readyState === 'complete'", path);
    }

    pub fn eval(&self, script: &str) -> Value {
        let answer = self.call(
            "Runtime.evaluate",
            json!({"expression": script, "returnByValue": true, "awaitPromise": true, "userGesture": true}),
        );
        assert!(answer["exceptionDetails"].is_null(), "{script}: {answer}");
        answer["result"]["value"].clone()
    }

    fn try_eval(&self, script: &str) -> Option<Value> {
        let params = json!({"expression": script, "returnByValue": true});
        let answer = self.call("Runtime.evaluate", params);
        answer["exceptionDetails"].is_null().then(|| answer["result"]["value"].clone())
    }

    /// Waits until this holds.
    #[track_caller]
    pub fn until(&self, script: &str, what: &str) {
        let deadline = Instant::now() + PATIENCE;
        // Between two pages there is nothing to ask.
        while self.try_eval(script) != Some(Value::Bool(true)) {
            assert!(Instant::now() < deadline, "{what}: never {script}, but: {}", self.text());
            std::thread::sleep(std::time::Duration::from_millis(25));
        }
    }

    /// Does what leads to another page, and waits for it.
    #[track_caller]
    fn turn(&self, script: &str) {
        self.eval("window.isOld = true");
        self.eval(&format!("{{ {script}; true }}"));
        self.until("window.isOld !== true && document.readyState === 'complete'", script);
    }

    /// Presses the first button or link that matches and says this.
    #[track_caller]
    pub fn press(&self, selector: &str, text: &str) {
        let found = format!(
            "[...document.querySelectorAll({})].find((one) => one.textContent.includes({}))",
            json!(selector),
            json!(text)
        );
        assert!(self.eval(&format!("!!{found}")) == true, "no {selector} with {text}: {}", self.text());
        self.turn(&format!("{found}.click()"));
    }

    pub fn fill(&self, id: &str, value: &str) {
        self.eval(&format!("document.getElementById({}).value = {}", json!(id), json!(value)));
    }

    pub fn text(&self) -> String {
        self.eval("document.body.innerText").as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    pub fn shows(&self, text: &str) {
        let shown = self.text();
        assert!(shown.contains(text), "{text:?} is not in {shown}");
    }

    pub fn sign_in(&self, role: &str) {
        self.go("/sign-in");
        self.turn(&format!("document.querySelector('button[name=role][value={role}]').click()"));
    }

    pub fn path(&self) -> String {
        self.eval("location.pathname + location.search").as_str().unwrap().to_owned()
    }

    /// The page from its top, as a picture.
    pub fn picture(&self, height_max: u32) -> Vec<u8> {
        let size = self.eval("[innerWidth, document.documentElement.scrollHeight]");
        let height = size[1].as_u64().unwrap().min(u64::from(height_max));
        let clip = json!({"x": 0, "y": 0, "width": size[0], "height": height, "scale": 1});
        let shot =
            json!({"format": "png", "captureBeyondViewport": true, "clip": clip, "optimizeForSpeed": false});
        STANDARD.decode(self.call("Page.captureScreenshot", shot)["data"].as_str().unwrap()).unwrap()
    }
}
