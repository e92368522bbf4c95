//! A bundle and what becomes of each of its entries.

use super::{
    BundleError, Kind, Limits, Link, Problem, Reference, Resource, SourceId, TypeName, input::deeper_than,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    fmt,
};

/// Why an entry is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The type is not one that is imported.
    UnsupportedType,
    /// An earlier entry has the same type and id.
    Repeat,
    /// It does not say whose chart it belongs to, or names a patient that is nowhere to be found.
    NoPatient,
    /// An encounter in which no practitioner took part, or only ones that are nowhere to be found.
    NoParticipant,
    /// An encounter that does not say when it began.
    NoStart,
    /// Its author declared it a mistake.
    EnteredInError,
    /// It has a modifier extension: what it says may mean the opposite to those who know the extension.
    Modified,
    /// The request beside it is not one to create or replace it.
    Request,
}

impl Reason {
    /// A few words for a report.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnsupportedType => "type not imported",
            Self::Repeat => "repeat",
            Self::NoPatient => "no patient",
            Self::NoParticipant => "no participant",
            Self::NoStart => "no start",
            Self::EnteredInError => "entered in error",
            Self::Modified => "modifier extension",
            Self::Request => "request to delete or patch",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One entry.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its place in the bundle, from 1.
    pub position: usize,
    /// What it is.
    pub content: Content,
}

/// What an entry is.
#[derive(Debug, Clone)]
pub enum Content {
    /// A resource to import.
    Resource(Link, Resource),
    /// Something that is left out.
    LeftOut(TypeName, Reason),
}

/// A bundle whose every supported resource is as FHIR R4 describes it.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The entries, in the order of the file.
    pub entries: Vec<Entry>,
    urls: HashMap<String, Link>,
}

impl Bundle {
    /// Reads a bundle from JSON.
    ///
    /// # Errors
    /// [`BundleError`] when the text is not a bundle, is over a limit, or holds a malformed resource of a supported type.
    pub fn parse(json: &[u8], limits: &Limits) -> Result<Self, BundleError> {
        if deeper_than(json, limits.depth) {
            return Err(BundleError::TooDeep(limits.depth));
        }
        let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
        let outer: Outer<'_> = serde_json::from_slice(json).map_err(|error| not_a_bundle(&error))?;
        outer.check(limits)?;
        let mut reader = EntryReader::default();
        let entries = outer
            .entry
            .iter()
            .enumerate()
            .map(|(index, raw)| reader.entry(index + 1, raw))
            .collect::<Result<Vec<_>, _>>()?;
        let mut bundle = Self { entries, urls: reader.urls };
        bundle.leave_out_unlinked();
        Ok(bundle)
    }

    /// The target of a reference that stands in this bundle, when it is of this kind.
    #[must_use]
    pub fn link(&self, reference: &Reference, kind: Kind) -> Option<Link> {
        reference.target(kind, |url| self.urls.get(url).cloned())
    }

    /// Whether it holds directory entries alone: such bundles are read first, because others refer to them.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        !self.entries.iter().any(|entry| match &entry.content {
            Content::Resource(link, _) => !link.kind.is_directory(),
            Content::LeftOut(name, _) => Kind::named(name.as_str()).is_some_and(|kind| !kind.is_directory()),
        })
    }

    /// What needs another resource and does not name one is left out. Done last: a reference may point forward.
    fn leave_out_unlinked(&mut self) {
        let reasons: Vec<_> = self.entries.iter().map(|entry| self.missing_link(&entry.content)).collect();
        for (entry, reason) in self.entries.iter_mut().zip(reasons) {
            if let (Content::Resource(link, _), Some(reason)) = (&entry.content, reason) {
                entry.content = Content::LeftOut(link.kind.into(), reason);
            }
        }
    }

    fn missing_link(&self, content: &Content) -> Option<Reason> {
        let Content::Resource(link, resource) = content else { return None };
        if link.kind.is_directory() || link.kind == Kind::Patient {
            return None;
        }
        if resource.subject().and_then(|subject| self.link(subject, Kind::Patient)).is_none() {
            return Some(Reason::NoPatient);
        }
        let Resource::Encounter(encounter) = resource else { return None };
        let somebody = encounter
            .participant
            .iter()
            .filter_map(|participant| participant.individual.as_ref())
            .any(|individual| self.link(individual, Kind::Practitioner).is_some());
        let begun = encounter.period.as_ref().is_some_and(|period| period.start.is_some());
        match (somebody, begun) {
            (false, _) => Some(Reason::NoParticipant),
            (true, false) => Some(Reason::NoStart),
            (true, true) => None,
        }
    }
}

#[derive(Deserialize)]
struct Outer<'j> {
    #[serde(rename = "resourceType", borrow)]
    resource_type: Cow<'j, str>,
    #[serde(rename = "type", borrow, default)]
    bundle_type: Cow<'j, str>,
    #[serde(borrow, default)]
    entry: Vec<&'j RawValue>,
}

impl Outer<'_> {
    fn check(&self, limits: &Limits) -> Result<(), BundleError> {
        if self.resource_type != "Bundle" {
            return Err(BundleError::NotABundle);
        }
        if !matches!(&*self.bundle_type, "transaction" | "batch" | "collection" | "searchset" | "document") {
            return Err(BundleError::BundleType);
        }
        if self.entry.len() > limits.entries {
            return Err(BundleError::TooManyEntries(limits.entries));
        }
        Ok(())
    }
}

fn not_a_bundle(error: &serde_json::Error) -> BundleError {
    match error.classify() {
        serde_json::error::Category::Data => BundleError::NotABundle,
        _ => BundleError::Json { line: error.line(), column: error.column() },
    }
}

#[derive(Deserialize)]
struct RawEntry<'j> {
    #[serde(rename = "fullUrl", borrow, default)]
    full_url: Option<Cow<'j, str>>,
    #[serde(borrow, default)]
    resource: Option<&'j RawValue>,
    #[serde(borrow, default)]
    request: Option<RawRequest<'j>>,
}

#[derive(Deserialize)]
struct RawRequest<'j> {
    #[serde(borrow, default)]
    method: Cow<'j, str>,
}

#[derive(Deserialize)]
struct ResourceHead<'j> {
    #[serde(rename = "resourceType", borrow)]
    resource_type: Cow<'j, str>,
    #[serde(borrow, default)]
    id: Option<Cow<'j, str>>,
    #[serde(rename = "modifierExtension", default)]
    modifiers: Vec<serde::de::IgnoredAny>,
}

/// Reads entries one after the other, and remembers what it saw.
#[derive(Default)]
struct EntryReader {
    seen: HashSet<Link>,
    urls: HashMap<String, Link>,
}

impl EntryReader {
    fn entry(&mut self, position: usize, raw: &RawValue) -> Result<Entry, BundleError> {
        self.content(raw)
            .map(|content| Entry { position, content })
            .map_err(|(kind, problem)| BundleError::Entry { position, kind, problem })
    }

    fn content(&mut self, raw: &RawValue) -> Result<Content, (Option<Kind>, Problem)> {
        let malformed = |_| (None, Problem::NotAnEntry);
        let entry: RawEntry<'_> = serde_json::from_str(raw.get()).map_err(malformed)?;
        let creates = entry.request.is_none_or(|request| matches!(&*request.method, "POST" | "PUT"));
        let Some(resource) = entry.resource else {
            // A request to delete has no resource; anything else without one is broken.
            let left_out = Content::LeftOut(TypeName::of(""), Reason::Request);
            return if creates { Err((None, Problem::NotAnEntry)) } else { Ok(left_out) };
        };
        let head: ResourceHead<'_> = serde_json::from_str(resource.get()).map_err(malformed)?;
        let Some(kind) = Kind::named(&head.resource_type) else {
            return Ok(Content::LeftOut(TypeName::of(&head.resource_type), Reason::UnsupportedType));
        };
        if !creates {
            return Ok(Content::LeftOut(kind.into(), Reason::Request));
        }
        self.supported(kind, &head, entry.full_url.as_deref(), resource)
            .map_err(|problem| (Some(kind), problem))
    }

    fn supported(
        &mut self,
        kind: Kind,
        head: &ResourceHead<'_>,
        full_url: Option<&str>,
        raw: &RawValue,
    ) -> Result<Content, Problem> {
        let id = match &head.id {
            Some(id) => SourceId::parse(id),
            None => full_url.and_then(SourceId::of_urn),
        };
        let link = Link { kind, id: id.ok_or(Problem::NoIdentity)? };
        // A repeat is read too: a malformed one fails its bundle like any other.
        let resource = Resource::read(kind, raw)
            .map_err(|error| Problem::Shape { line: error.line(), column: error.column() })?;
        if let Some(url) = full_url {
            self.urls.entry(url.to_owned()).or_insert_with(|| link.clone());
        }
        let left_out = |reason| Ok(Content::LeftOut(kind.into(), reason));
        if !self.seen.insert(link.clone()) {
            return left_out(Reason::Repeat);
        }
        if !head.modifiers.is_empty() {
            return left_out(Reason::Modified);
        }
        if resource.entered_in_error() {
            return left_out(Reason::EnteredInError);
        }
        Ok(Content::Resource(link, resource))
    }
}
