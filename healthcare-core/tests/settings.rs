//! Which of several places counts, what is said of them, and that every mistake is named at once.
#![cfg(feature = "config")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use healthcare_core::{Setting, SettingLayer, SettingSource, Settings};

const PORT: Setting = Setting::new("--port", &["SHOP_PORT", "PORT"]);
const KEY: Setting = Setting::new("SHOP_KEY", &["SHOP_KEY"]).secret();
const URL: Setting = Setting::new("--url", &["SHOP_URL"]).shown_as(|url| {
    let (_, host) = url.rsplit_once('@').unwrap_or_default();
    format!("…@{host}")
});
const HOSTS: Setting = Setting::new("--host", &["SHOP_HOSTS"]);

fn process(pairs: &[(&str, &str)]) -> SettingLayer {
    SettingLayer::process(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn file(name: &'static str, text: &str) -> SettingLayer {
    SettingLayer::dot_env(name, text).unwrap()
}

#[test]
fn the_strongest_layer_counts_whichever_of_the_names_it_uses() {
    let layers = [
        SettingLayer::flags([("--port", "1".to_owned())]),
        process(&[("PORT", "2")]),
        file(".env.local", "SHOP_PORT=3"),
        file(".env", "SHOP_PORT=4"),
    ];
    let expected = [
        ("1", SettingSource::Flag),
        ("2", SettingSource::Variable("PORT")),
        ("3", SettingSource::File { variable: "SHOP_PORT", file: ".env.local".into() }),
        ("4", SettingSource::File { variable: "SHOP_PORT", file: ".env".into() }),
    ];
    for (strongest, expected) in expected.into_iter().enumerate() {
        let settings = Settings::new(layers[strongest..].iter().cloned());
        assert_eq!(settings.find(&PORT), Some(expected));
    }
    // In one place the first name counts.
    let both = Settings::new([process(&[("PORT", "5"), ("SHOP_PORT", "6")])]);
    assert_eq!(both.find(&PORT).unwrap().0, "6");
}

#[test]
fn an_empty_variable_is_not_set_and_an_empty_flag_is() {
    let settings = Settings::new([process(&[("SHOP_PORT", "")]), file(".env", "SHOP_PORT=\nPORT=7")]);
    assert_eq!(settings.find(&PORT).unwrap().0, "7");
    let mut settings =
        Settings::new([SettingLayer::flags([("--port", String::new())]), process(&[("PORT", "8")])]);
    assert_eq!(settings.parse::<u16>(&PORT), None);
    assert!(settings.finish(()).is_err());
}

#[test]
fn every_mistake_is_reported_and_no_value_repeated() {
    let mut settings = Settings::new([
        process(&[("SHOP_PORT", "geheim"), ("SHOP_PROT", "geheim"), ("OTHER", "1")]),
        file(".env", "SHOP_KEI=geheim\nSHOP_HOSTS=a,geheim, 3"),
    ]);
    assert_eq!(settings.parse_or::<u16>(&PORT, 9), 9);
    assert_eq!(settings.list::<u16>(&HOSTS), [3]);
    settings.refuse_unknown("SHOP_", &[PORT, KEY, HOSTS]);
    let errors = settings.finish(()).unwrap_err();
    let named: Vec<_> = errors.0.iter().map(|problem| &*problem.setting).collect();
    assert_eq!(named, ["--port", "--host", "--host", "environment", ".env"]);
    let said = errors.to_string();
    assert!(said.contains("SHOP_PROT") && said.contains("SHOP_KEI") && !said.contains("geheim"), "{said}");
}

#[test]
fn what_is_in_force_is_told_with_its_place_and_without_secrets() {
    let mut settings =
        Settings::new([process(&[("SHOP_KEY", "geheim"), ("SHOP_URL", "https://a:geheim@host")])]);
    settings.text(&KEY);
    settings.text(&URL);
    settings.parse_or::<u16>(&PORT, 80);
    assert!(!format!("{settings:?}").contains("geheim"));
    let ((), effective) = settings.finish(()).unwrap();
    let told: Vec<_> = effective.iter().map(|it| format!("{} {} {}", it.name, it.value, it.source)).collect();
    assert_eq!(told, ["SHOP_KEY (hidden) SHOP_KEY", "--url …@host SHOP_URL", "--port 80 default"]);
}
