//! The plugins of a service, in order, and the fence around each.

use super::{
    AppointmentPlugin, Hook, Moment, PluginError, PluginSettings, PrepareContext, Prepared,
    switched::{SwitchedOn, checked},
};
use crate::{AccessError, ClinicId, Clock, DomainEvent, Guard, Refusal, TransactionView};
use async_trait::async_trait;
use serde_json::Value as Json;
use std::{
    borrow::Cow,
    future::Future,
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::Arc,
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
    switched: SwitchedOn,
}

/// Collects plugins.
#[derive(Debug)]
#[must_use = "plugins are used by `build`"]
pub struct PluginsBuilder {
    plugins: Vec<Arc<dyn AppointmentPlugin>>,
    prepare_time_max: Duration,
    before_time_max: Duration,
    after_time_max: Duration,
    source: Option<(Arc<dyn PluginSettings>, Arc<dyn Clock>)>,
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
            source: None,
        }
    }

    /// Sets what a clinic switched on: a JSON object from plugin name to settings, such as `{"eligibility": {"minimum_age": 18}}`.
    /// What it had before is forgotten, unless this is not valid. Where settings are read ([`PluginsBuilder::settings_from`]), it holds until they
    /// are read again.
    ///
    /// # Errors
    /// What is wrong with the settings, in words; a name that is no plugin's is wrong.
    pub fn configure(&self, clinic: ClinicId, settings: &str) -> Result<(), String> {
        self.switched.set(clinic, checked(&self.plugins, settings)?);
        Ok(())
    }

    /// The plugins that have something to say, in order, each with its settings.
    async fn concerned(
        &self,
        clinic: ClinicId,
        hook: Hook,
    ) -> Result<Vec<(Arc<dyn AppointmentPlugin>, Arc<Json>)>, PluginError> {
        let switched = self.switched.of(clinic, &self.plugins).await?;
        let listening = self.plugins.iter().filter(|plugin| plugin.listens(hook));
        Ok(listening
            .filter_map(|plugin| switched.get(plugin.name()).map(|it| (Arc::clone(plugin), Arc::clone(it))))
            .collect())
    }

    /// Lets every plugin prepare.
    pub(super) async fn prepare<'a>(
        &self,
        context: PrepareContext<'a>,
    ) -> Result<Objections<'a>, AccessError> {
        let mut objections =
            Objections { prepared: Vec::new(), before_time_max: self.before_time_max, context };
        let concerned = self.concerned(context.context.clinic(), context.hook).await;
        let concerned = concerned.map_err(|PluginError(cause)| AccessError::Storage(cause))?;
        for (plugin, settings) in concerned {
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
    /// The first [`PluginError`]; every plugin was called all the same, unless it could not be read which are switched on.
    pub async fn notify(&self, event: &DomainEvent) -> Result<(), PluginError> {
        let Some(hook) = Hook::of(event) else { return Ok(()) };
        let mut result = Ok(());
        for (plugin, settings) in self.concerned(event.clinic, hook).await? {
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
    /// Reads here what a clinic switched on, when it is first met and again when what is known is 30 seconds old. Without it they know what
    /// [`Plugins::configure`] told them.
    pub fn settings_from(mut self, source: Arc<dyn PluginSettings>, clock: Arc<dyn Clock>) -> Self {
        self.source = Some((source, clock));
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
            switched: SwitchedOn::new(self.source),
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
