//! The plugins of a service, in order, and the fence around each.

use super::{AppointmentPlugin, Hook, Moment, PluginError, PrepareContext, Prepared};
use crate::{AccessError, ClinicId, DomainEvent, Guard, Refusal, TransactionView};
use async_trait::async_trait;
use serde_json::Value as Json;
use std::{
    borrow::Cow,
    collections::HashMap,
    future::Future,
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::{Arc, PoisonError, RwLock},
    task::Poll,
    time::Duration,
};

/// Plugins in the order in which they run, and the settings of the clinics that switched them on.
#[derive(Debug)]
pub struct Plugins {
    plugins: Vec<Arc<dyn AppointmentPlugin>>,
    prepare_time_max: Duration,
    before_time_max: Duration,
    after_time_max: Duration,
    settings: RwLock<HashMap<(ClinicId, &'static str), Arc<Json>>>,
}

/// Collects plugins.
#[derive(Debug)]
#[must_use = "plugins are used by `build`"]
pub struct PluginsBuilder {
    plugins: Vec<Arc<dyn AppointmentPlugin>>,
    prepare_time_max: Duration,
    before_time_max: Duration,
    after_time_max: Duration,
}

impl Default for Plugins {
    fn default() -> Self {
        Self::builder().build()
    }
}

impl Plugins {
    /// Begins with no plugin.
    pub const fn builder() -> PluginsBuilder {
        PluginsBuilder {
            plugins: Vec::new(),
            prepare_time_max: Duration::from_secs(2),
            before_time_max: Duration::from_millis(250),
            after_time_max: Duration::from_secs(5),
        }
    }

    /// Sets what a clinic switched on: a JSON object from plugin name to settings, such as `{"eligibility": {"minimum_age": 18}}`.
    /// What it had before is forgotten, unless this is not valid.
    ///
    /// # Errors
    /// What is wrong with the settings, in words; a name that is no plugin's is wrong.
    pub fn configure(&self, clinic: ClinicId, settings: &str) -> Result<(), String> {
        let parsed: HashMap<String, Json> =
            serde_json::from_str(settings).map_err(|_| "plugin settings are not a JSON object".to_owned())?;
        let mut checked = HashMap::new();
        for (name, value) in parsed {
            let plugin = self.plugins.iter().find(|plugin| plugin.name() == name);
            let plugin = plugin.ok_or_else(|| format!("there is no plugin `{name}`"))?;
            plugin.validate(&value).map_err(|wrong| format!("plugin `{name}`: {wrong}"))?;
            checked.insert((clinic, plugin.name()), Arc::new(value));
        }
        let mut all = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(of, _), _| *of != clinic);
        all.extend(checked);
        Ok(())
    }

    /// The plugins that have something to say, in order, each with its settings.
    fn concerned(&self, clinic: ClinicId, hook: Hook) -> Vec<(Arc<dyn AppointmentPlugin>, Arc<Json>)> {
        let settings = self.settings.read().unwrap_or_else(PoisonError::into_inner);
        self.plugins
            .iter()
            .filter(|plugin| plugin.listens(hook))
            .filter_map(|plugin| {
                settings.get(&(clinic, plugin.name())).map(|s| (Arc::clone(plugin), Arc::clone(s)))
            })
            .collect()
    }

    /// Lets every plugin prepare.
    pub(super) async fn prepare<'a>(
        &self,
        context: PrepareContext<'a>,
    ) -> Result<Objections<'a>, AccessError> {
        let mut objections =
            Objections { prepared: Vec::new(), before_time_max: self.before_time_max, context };
        for (plugin, settings) in self.concerned(context.context.clinic(), context.hook) {
            let mine = PrepareContext { settings: &settings, ..context };
            let fenced = Fenced(plugin.prepare(&mine));
            let answer = tokio::time::timeout(self.prepare_time_max, fenced).await;
            let found = match answer {
                Ok(Ok(answer)) => answer,
                Ok(Err(Panicked)) => Err(refused(plugin.name(), "the check failed")),
                Err(_) => Err(refused(plugin.name(), "the check took too long")),
            };
            match found {
                Ok(found) => objections.prepared.push((plugin, settings, found)),
                Err(refusal) => {
                    let error = AccessError::Refused(refusal);
                    objections.failed(&error);
                    return Err(error);
                }
            }
        }
        Ok(objections)
    }

    /// Tells the plugins of a committed event: the handler to give to an event bus.
    ///
    /// # Errors
    /// The first [`PluginError`]; every plugin was called all the same.
    pub async fn notify(&self, event: &DomainEvent) -> Result<(), PluginError> {
        let Some(hook) = Hook::of(event) else { return Ok(()) };
        let mut result = Ok(());
        for (plugin, settings) in self.concerned(event.clinic, hook) {
            let after = Fenced(plugin.after(event, &settings));
            let answer = match tokio::time::timeout(self.after_time_max, after).await {
                Ok(answer) => {
                    answer.unwrap_or_else(|Panicked| Err(PluginError("the plugin panicked".into())))
                }
                Err(_) => Err(PluginError("the plugin took too long".into())),
            };
            if let Err(error) = answer {
                tracing::warn!(plugin = plugin.name(), event = %event.id, "a plugin failed after the commit");
                result = result.and(Err(error));
            }
        }
        result
    }
}

impl PluginsBuilder {
    /// Adds a plugin.
    pub fn with(mut self, plugin: impl AppointmentPlugin + 'static) -> Self {
        self.plugins.push(Arc::new(plugin));
        self
    }
    /// How long each plugin may prepare; 2 seconds unless said otherwise.
    pub const fn prepare_time_max(mut self, time: Duration) -> Self {
        self.prepare_time_max = time;
        self
    }
    /// How long each plugin may hold a transaction; 250 milliseconds unless said otherwise. On SQLite everybody else waits.
    pub const fn before_time_max(mut self, time: Duration) -> Self {
        self.before_time_max = time;
        self
    }
    /// How long each plugin may take after the commit; 5 seconds unless said otherwise.
    pub const fn after_time_max(mut self, time: Duration) -> Self {
        self.after_time_max = time;
        self
    }
    /// The plugins, by priority and then in the order in which they were added.
    #[must_use]
    pub fn build(mut self) -> Plugins {
        self.plugins.sort_by_key(|plugin| plugin.priority());
        Plugins {
            plugins: self.plugins,
            prepare_time_max: self.prepare_time_max,
            before_time_max: self.before_time_max,
            after_time_max: self.after_time_max,
            settings: RwLock::default(),
        }
    }
}

/// What the plugins found, to be asked inside the transaction.
pub(super) struct Objections<'a> {
    before_time_max: Duration,
    prepared: Vec<(Arc<dyn AppointmentPlugin>, Arc<Json>, Prepared)>,
    context: PrepareContext<'a>,
}

impl Objections<'_> {
    pub(super) fn failed(&self, error: &AccessError) {
        for (plugin, ..) in &self.prepared {
            let told = std::panic::catch_unwind(AssertUnwindSafe(|| plugin.failed(self.context.hook, error)));
            if told.is_err() {
                tracing::warn!(plugin = plugin.name(), "a plugin panicked when told of a failure");
            }
        }
    }
}

#[async_trait]
impl Guard for Objections<'_> {
    async fn check(&self, transaction: &mut dyn TransactionView) -> Result<(), AccessError> {
        for (plugin, settings, prepared) in &self.prepared {
            let moment = Moment { settings, ..Moment::of(&self.context) };
            let fenced = Fenced(plugin.before(&moment, prepared, transaction));
            let answer = match tokio::time::timeout(self.before_time_max, fenced).await {
                Ok(answer) => {
                    answer.unwrap_or_else(|Panicked| Err(refused(plugin.name(), "the check failed")))
                }
                Err(_) => Err(refused(plugin.name(), "the check took too long")),
            };
            answer.map_err(AccessError::Refused)?;
        }
        Ok(())
    }
}

fn refused(by: &'static str, reason: &'static str) -> Refusal {
    Refusal { by: Cow::Borrowed(by), reason: Cow::Borrowed(reason) }
}

/// A future whose panic is an answer and goes no further.
struct Fenced<F>(F);
struct Panicked;

impl<F: Future + Unpin> Future for Fenced<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        let inner = pin!(&mut self.0);
        match std::panic::catch_unwind(AssertUnwindSafe(|| inner.poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    }
}
