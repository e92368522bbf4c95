//! A browser without scripts.

use super::common::{Answer, Client};
use clinic_server::{http::CONTENT_POLICY, seed::DEMO_PASSWORD};
use std::net::SocketAddr;

/// A browser: keeps cookies, and sends them back.
pub(super) struct Browser {
    client: Client,
    cookies: Vec<(String, String)>,
}

impl Browser {
    pub(super) fn at(address: SocketAddr) -> Self {
        Self { client: Client::new(address), cookies: Vec::new() }
    }

    pub(super) fn sending(&self) -> Client {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if cookies.is_empty() { self.client.clone() } else { self.client.with("cookie", &cookies.join("; ")) }
    }

    fn keep(&mut self, answer: Answer) -> Answer {
        for (_, set) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict"), "{set}");
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        assert_eq!(answer.header("content-security-policy"), Some(CONTENT_POLICY));
        answer
    }

    pub(super) async fn get(&mut self, path: &str) -> Answer {
        let answer = self.sending().get(path).await;
        self.keep(answer)
    }

    /// As the page's script asks when nobody pressed a button.
    #[allow(dead_code, reason = "not every program that has this file asks so")]
    pub(super) async fn get_unattended(&mut self, path: &str) -> Answer {
        let answer = self.sending().with("x-unattended", "1").get(path).await;
        self.keep(answer)
    }

    pub(super) async fn form(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let answer = self.sending().form(path, fields).await;
        self.keep(answer)
    }

    pub(super) async fn sign_in(&mut self, email: &str) {
        let door = self.get("/sign-in").await.expect(200);
        let fields = [("csrf", token(&door).as_str()), ("email", email), ("password", DEMO_PASSWORD)]
            .map(|(k, v)| (k, v.to_owned()));
        let fields: Vec<_> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let answer = self.form("/sign-in", &fields).await.expect(303);
        assert_eq!(answer.header("location"), Some("/"));
    }
}

/// The targets of a page's navigation.
#[allow(dead_code, reason = "not every program that has this file asks so")]
pub(super) fn links(page: &Answer) -> Vec<String> {
    let bar = page.body.split("<nav aria-label=\"Main\">").nth(1).unwrap().split("</nav>").next().unwrap();
    bar.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

/// The token of a page's forms.
pub(super) fn token(page: &Answer) -> String {
    page.body.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}
