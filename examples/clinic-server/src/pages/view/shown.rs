//! A value, or why there is none.

/// A value as a page shows it.
#[derive(Clone, PartialEq, Eq)]
pub enum Shown {
    /// Its text.
    Value(String),
    /// There is none.
    Absent,
    /// There may be one, and the reader's role does not see it.
    Hidden,
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Value(_) => "Value(..)",
            Self::Absent => "Absent",
            Self::Hidden => "Hidden",
        })
    }
}

impl From<Option<String>> for Shown {
    fn from(text: Option<String>) -> Self {
        text.filter(|text| !text.trim().is_empty()).map_or(Self::Absent, Self::Value)
    }
}
