use super::{Setting, SettingErrors, SettingLayer, SettingProblem, SettingSource};
use std::{borrow::Cow, fmt, str::FromStr};

/// A setting as it is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveSetting {
    /// The setting's name.
    pub name: &'static str,
    /// Its value, as far as it may be shown.
    pub value: String,
    /// Where it came from.
    pub source: SettingSource,
}

/// Reads settings from layers, the strongest first, and collects what is wrong: one run names every mistake.
///
/// ```
/// use healthcare_core::{Setting, SettingLayer, Settings};
/// const PORT: Setting = Setting::new("--port", &["SHOP_PORT"]);
/// let file = SettingLayer::dot_env(".env", "SHOP_PORT=81").map_err(|problems| problems[0])?;
/// let process = SettingLayer::process([("SHOP_PORT".to_owned(), "80".to_owned())]);
/// let mut settings = Settings::new([process, file]);
/// let port: u16 = settings.parse_or(&PORT, 8080);
/// let (port, effective) = settings.finish(port)?;
/// assert_eq!((port, effective[0].source.to_string()), (80, "SHOP_PORT".to_owned()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Settings {
    layers: Vec<SettingLayer>,
    problems: Vec<SettingProblem>,
    effective: Vec<EffectiveSetting>,
}

impl Settings {
    /// Reads from these layers, of which the first is the strongest.
    #[must_use]
    pub fn new(layers: impl IntoIterator<Item = SettingLayer>) -> Self {
        Self { layers: layers.into_iter().collect(), ..Self::default() }
    }

    /// Adds a layer that is weaker than all there are.
    pub fn add(&mut self, layer: SettingLayer) {
        self.layers.push(layer);
    }

    /// The text that is set, and where it is.
    #[must_use]
    pub fn find(&self, setting: &Setting) -> Option<(&str, SettingSource)> {
        self.layers.iter().find_map(|layer| layer.find(setting))
    }

    /// The text that is set; it is noted as in force.
    pub fn text(&mut self, setting: &Setting) -> Option<String> {
        let (text, source) = self.layers.iter().find_map(|layer| layer.find(setting))?;
        let (text, value) = (text.to_owned(), setting.shown(text));
        self.note(EffectiveSetting { name: setting.name(), value, source });
        Some(text)
    }

    /// The value that is set; one that cannot be parsed is reported in the error's words, which must not repeat it, and is then as if not set.
    pub fn parse<T: FromStr<Err: fmt::Display>>(&mut self, setting: &Setting) -> Option<T> {
        let text = self.text(setting)?;
        text.parse().map_err(|error| self.report(setting.name(), error)).ok()
    }

    /// The value that is set, or this.
    pub fn parse_or<T: FromStr<Err: fmt::Display> + fmt::Display>(
        &mut self,
        setting: &Setting,
        default: T,
    ) -> T {
        if let Some(value) = self.parse(setting) {
            return value;
        }
        self.fall_back(setting, &default);
        default
    }

    /// Each value of a list with commas between.
    pub fn list<T: FromStr<Err: fmt::Display>>(&mut self, setting: &Setting) -> Vec<T> {
        let text = self.text(setting).unwrap_or_default();
        let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
        let parsed = parts
            .into_iter()
            .filter_map(|part| part.parse().map_err(|error| self.report(setting.name(), error)).ok());
        parsed.collect()
    }

    /// Notes what holds because nothing was set. What was noted before stays.
    pub fn fall_back(&mut self, setting: &Setting, default: impl fmt::Display) {
        if self.effective.iter().all(|known| known.name != setting.name()) {
            let value = default.to_string();
            self.note(EffectiveSetting { name: setting.name(), value, source: SettingSource::Default });
        }
    }

    /// Reports a mistake.
    pub fn report(&mut self, setting: impl Into<Cow<'static, str>>, problem: impl fmt::Display) {
        self.problems.push(SettingProblem::new(setting, problem));
    }

    /// Reports each variable that begins like ours and is none: a name that is misspelt sets nothing.
    pub fn refuse_unknown(&mut self, prefix: &str, known: &[Setting]) {
        let is_known = |name: &str| known.iter().any(|setting| setting.variables().contains(&name));
        let told: Vec<_> = self
            .layers
            .iter()
            .flat_map(SettingLayer::variables)
            .filter(|(name, _)| name.starts_with(prefix) && !is_known(name))
            .map(|(name, file)| (name.to_owned(), file.cloned().unwrap_or(Cow::Borrowed("environment"))))
            .collect();
        for (name, place) in told {
            self.report(place, format_args!("{name} is not a setting: see --help for the names"));
        }
    }

    /// What was read, with what is in force.
    ///
    /// # Errors
    /// Every mistake that was reported.
    pub fn finish<T>(self, read: T) -> Result<(T, Vec<EffectiveSetting>), SettingErrors> {
        if self.problems.is_empty() { Ok((read, self.effective)) } else { Err(SettingErrors(self.problems)) }
    }

    fn note(&mut self, effective: EffectiveSetting) {
        self.effective.retain(|known| known.name != effective.name);
        self.effective.push(effective);
    }
}
