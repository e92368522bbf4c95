//! Which plugins clinics switched on, and how old an answer may be.

use super::{AppointmentPlugin, PluginError};
use crate::{ClinicId, Clock};
use async_trait::async_trait;
use serde_json::Value as Json;
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

/// How long what was read is taken for what stands.
const AGE_MAX: Duration = Duration::from_secs(30);
/// The most clinics whose settings are kept.
const CLINICS_MAX: usize = 10_000;

/// Where it is read what a clinic switched on.
#[async_trait]
pub trait PluginSettings: fmt::Debug + Send + Sync {
    /// A JSON object from plugin name to settings, as [`Plugins::configure`](super::Plugins::configure) takes it; nothing when there is no such
    /// clinic.
    ///
    /// # Errors
    /// [`PluginError`] when it cannot be read. No rule is taken for none then: what was to happen is refused, what has happened is told again.
    async fn settings(&self, clinic: ClinicId) -> Result<Option<String>, PluginError>;
}

/// One clinic's plugins, each with its settings.
pub(super) type Switched = Arc<HashMap<&'static str, Arc<Json>>>;

/// Every clinic's.
#[derive(Debug, Default)]
pub(super) struct SwitchedOn {
    known: RwLock<HashMap<ClinicId, (Switched, Duration)>>,
    source: Option<(Arc<dyn PluginSettings>, Arc<dyn Clock>)>,
}

impl SwitchedOn {
    pub(super) fn new(source: Option<(Arc<dyn PluginSettings>, Arc<dyn Clock>)>) -> Self {
        Self { known: RwLock::default(), source }
    }

    /// What the clinic switched on, read anew when it is not known or was read too long ago.
    pub(super) async fn of(
        &self,
        clinic: ClinicId,
        plugins: &[Arc<dyn AppointmentPlugin>],
    ) -> Result<Switched, PluginError> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&clinic).cloned();
        let Some((source, clock)) = &self.source else {
            return Ok(known.map_or_else(Switched::default, |(switched, _)| switched));
        };
        let now = clock.monotonic();
        if let Some((switched, read)) = known
            && now.saturating_sub(read) < AGE_MAX
        {
            return Ok(switched);
        }
        let Some(settings) = source.settings(clinic).await? else { return Ok(Switched::default()) };
        let switched = checked(plugins, &settings).map_err(|wrong| {
            tracing::error!(%clinic, wrong, "a clinic's plugin settings are not valid: mend them in its record");
            PluginError(wrong.into())
        })?;
        // As old as the look began: whoever looked later knows better.
        self.keep(clinic, Arc::clone(&switched), now);
        Ok(switched)
    }

    /// Sets what a clinic switched on.
    pub(super) fn set(&self, clinic: ClinicId, switched: Switched) {
        self.keep(
            clinic,
            switched,
            self.source.as_ref().map_or(Duration::ZERO, |(_, clock)| clock.monotonic()),
        );
    }

    fn keep(&self, clinic: ClinicId, switched: Switched, read: Duration) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if self.source.is_some() && known.len() >= CLINICS_MAX && !known.contains_key(&clinic) {
            // They are read again when they are needed.
            known.clear();
        }
        let kept = known.entry(clinic).or_insert_with(|| (Arc::clone(&switched), read));
        if kept.1 <= read {
            *kept = (switched, read);
        }
    }
}

/// Reads settings as they stand in a clinic's record; the error says what is wrong with them.
pub(super) fn checked(plugins: &[Arc<dyn AppointmentPlugin>], settings: &str) -> Result<Switched, String> {
    let parsed: HashMap<String, Json> =
        serde_json::from_str(settings).map_err(|_| "plugin settings are not a JSON object".to_owned())?;
    let mut checked = HashMap::new();
    for (name, value) in parsed {
        let plugin = plugins.iter().find(|plugin| plugin.name() == name);
        let plugin = plugin.ok_or_else(|| format!("there is no plugin `{name}`"))?;
        plugin.validate(&value).map_err(|wrong| format!("plugin `{name}`: {wrong}"))?;
        checked.insert(plugin.name(), Arc::new(value));
    }
    Ok(Arc::new(checked))
}
