//! References between resources.

use super::{Kind, Text};
use serde::Deserialize;
use std::fmt;

/// A `Reference` as it stands in a resource (<https://hl7.org/fhir/R4/references.html>).
#[derive(Clone, Deserialize)]
pub struct Reference {
    /// `urn:uuid:…`, `Type/id`, or something else that is not followed.
    #[serde(default)]
    pub reference: Option<Text>,
}

/// What a source calls a resource: its `id`, or the UUID of its `fullUrl`. Unique within a type.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(String);

impl SourceId {
    /// FHIR's id: 1 to 64 letters, digits, hyphens and full stops.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let good = (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
        good.then(|| Self(text.to_owned()))
    }

    /// The UUID of a `urn:uuid:` URL.
    #[must_use]
    pub fn of_urn(url: &str) -> Option<Self> {
        url.strip_prefix("urn:uuid:").and_then(Self::parse).map(|id| Self(id.0.to_ascii_lowercase()))
    }

    /// The text. It may be a record number: it is hashed before it is stored, and never printed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SourceId(..)")
    }
}

/// A reference whose target is known by type and source id. Whether it exists is for the importer to find out.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Link {
    /// The target's type.
    pub kind: Kind,
    /// The target's id in its source.
    pub id: SourceId,
}

impl Reference {
    /// The target, which must be a `kind`. `within` looks a `fullUrl` up in the bundle the reference stands in; a `urn:uuid:` that is
    /// not in the bundle is taken to be the id of a resource of another file.
    #[must_use]
    pub fn target(&self, kind: Kind, within: impl Fn(&str) -> Option<Link>) -> Option<Link> {
        let text = self.reference.as_ref()?.as_str();
        if let Some(link) = within(text) {
            return (link.kind == kind).then_some(link);
        }
        if let Some(id) = SourceId::of_urn(text) {
            return Some(Link { kind, id });
        }
        let (named, id) = text.split_once('/')?;
        // A reference to one version of a resource is a reference to the resource.
        let id = id.split_once("/_history/").map_or(id, |(id, _)| id);
        (named == kind.as_str()).then(|| SourceId::parse(id)).flatten().map(|id| Link { kind, id })
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reference(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Option<String> {
        let reference: Reference = serde_json::from_value(serde_json::json!({ "reference": text })).unwrap();
        let within = |url: &str| {
            (url == "http://a/Patient/9").then(|| Link { kind: Kind::Patient, id: SourceId("nine".into()) })
        };
        reference.target(Kind::Patient, within).map(|link| link.id.as_str().to_owned())
    }

    #[test]
    fn follows_urns_types_and_full_urls_only() {
        assert_eq!(target("urn:uuid:1A43C86E-bb91").as_deref(), Some("1a43c86e-bb91"));
        assert_eq!(target("Patient/1").as_deref(), Some("1"));
        assert_eq!(target("Patient/1/_history/4").as_deref(), Some("1"));
        assert_eq!(target("http://a/Patient/9").as_deref(), Some("nine"));
        for bad in [
            "Practitioner/1",
            "#contained",
            "http://b/Patient/9",
            "Patient/",
            "Patient/a b",
            "Patient?identifier=x|1",
            "",
        ] {
            assert_eq!(target(bad), None, "{bad}");
        }
    }
}
