//! Settings from several places, the strongest first, with every mistake reported at once.

mod dot_env;
mod error;
mod layer;
mod setting;
mod settings;

pub use dot_env::DotEnvProblem;
pub use error::{SettingErrors, SettingProblem};
pub use layer::{SettingLayer, SettingSource};
pub use setting::Setting;
pub use settings::{EffectiveSetting, Settings};
