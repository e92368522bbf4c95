//! Hears all that is traced and counted on this thread.

use metrics_util::debugging::{DebuggingRecorder, Snapshotter};
use std::{
    fmt::{self, Write as _},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

/// A value, what a key holds, a tag, a name in an address, a header, and what an operator writes.
pub(super) const SECRETS: [&str; 6] = [
    "Natalia-Ivanova-penicillin",
    "key-of-Ivanova",
    "tag-of-Ivanova",
    "address-of-Ivanova",
    "header-of-Ivanova",
    "words-of-Ivanova",
];

pub(super) fn contains_any(said: &str) -> Option<&'static str> {
    SECRETS.into_iter().find(|secret| said.contains(secret))
}

#[derive(Clone, Default)]
struct Traces {
    said: Arc<Mutex<String>>,
    ids: Arc<AtomicU64>,
}

struct Words<'a>(&'a mut String);

impl Visit for Words<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
    fn record_error(&mut self, field: &Field, mut value: &(dyn std::error::Error + 'static)) {
        let _ = write!(self.0, " {}={value} {value:?}", field.name());
        while let Some(source) = value.source() {
            let _ = write!(self.0, " {source} {source:?}");
            value = source;
        }
    }
}

impl Traces {
    fn say(&self, metadata: &Metadata<'_>, record: impl FnOnce(&mut Words<'_>)) {
        let mut said = self.said.lock().unwrap();
        let _ = write!(said, "{} {}", metadata.target(), metadata.name());
        record(&mut Words(&mut said));
        said.push('\n');
    }
}

impl Subscriber for Traces {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.say(span.metadata(), |words| span.record(words));
        Id::from_u64(self.ids.fetch_add(1, Ordering::SeqCst) + 1)
    }
    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Words(&mut self.said.lock().unwrap()));
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        self.say(event.metadata(), |words| event.record(words));
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

pub(super) struct Ears {
    traces: Traces,
    snapshotter: Snapshotter,
    _subscribed: tracing::subscriber::DefaultGuard,
    // The guard borrows the recorder, which lives as long as the tests do.
    _recorded: metrics::LocalRecorderGuard<'static>,
}

impl Ears {
    pub(super) fn open() -> Self {
        let recorder: &'static DebuggingRecorder = Box::leak(Box::new(DebuggingRecorder::new()));
        let traces = Traces::default();
        Self {
            snapshotter: recorder.snapshotter(),
            _subscribed: tracing::subscriber::set_default(traces.clone()),
            _recorded: metrics::set_default_local_recorder(recorder),
            traces,
        }
    }

    pub(super) fn traces(&self) -> String {
        self.traces.said.lock().unwrap().clone()
    }

    pub(super) fn metrics(&self) -> String {
        format!("{:?}", self.snapshotter.snapshot().into_vec())
    }
}
