use std::fmt;

/// One setting: the name of its flag, the variables it is also read from, and how it is shown.
///
/// ```
/// use healthcare_core::Setting;
/// const LISTEN: Setting = Setting::new("--listen", &["SHOP_LISTEN"]);
/// const KEY: Setting = Setting::new("SHOP_KEY", &["SHOP_KEY"]).secret();
/// assert_eq!(LISTEN.shown("127.0.0.1:80"), "127.0.0.1:80");
/// assert_eq!(KEY.shown("0123"), "(hidden)");
/// ```
#[derive(Clone, Copy)]
pub struct Setting {
    name: &'static str,
    variables: &'static [&'static str],
    show: Show,
}

#[derive(Clone, Copy)]
enum Show {
    Plain,
    Hidden,
    As(fn(&str) -> String),
}

/// What stands in the place of a secret.
const HIDDEN: &str = "(hidden)";

impl Setting {
    /// A setting whose value may be shown. `name` is the flag's, or a variable's where there is no flag; of several variables in one place
    /// the first that is set counts.
    #[must_use]
    pub const fn new(name: &'static str, variables: &'static [&'static str]) -> Self {
        Self { name, variables, show: Show::Plain }
    }

    /// Never shown.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.show = Show::Hidden;
        self
    }

    /// Shown in part: a URL without its password.
    #[must_use]
    pub const fn shown_as(mut self, show: fn(&str) -> String) -> Self {
        self.show = Show::As(show);
        self
    }

    /// Its name in messages.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The variables it is read from.
    #[must_use]
    pub const fn variables(&self) -> &'static [&'static str] {
        self.variables
    }

    /// A value as it may be shown.
    #[must_use]
    pub fn shown(&self, value: &str) -> String {
        match self.show {
            Show::Plain => value.to_owned(),
            Show::Hidden => HIDDEN.to_owned(),
            Show::As(show) => show(value),
        }
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setting").field("name", &self.name).field("variables", &self.variables).finish()
    }
}
