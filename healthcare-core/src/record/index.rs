//! What of a protected field can be searched: normalised terms, which become keyed tokens before they leave the process.

use unicode_normalization::UnicodeNormalization;

/// How a field can be searched.
#[derive(Debug)]
pub enum Index<V> {
    /// Not at all.
    None,
    /// By its whole value, which the function normalises. `None`: nothing to find.
    Exact(fn(&V) -> Option<String>),
    /// By the beginnings of its words: three to eight letters of each.
    Words(fn(&V) -> Option<String>),
}

/// One thing a record can be found by.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Term {
    /// The field's name within its record.
    pub(crate) field: &'static str,
    pub(crate) text: String,
}

impl std::fmt::Debug for Term {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Term({})", self.field)
    }
}

/// The most words of one value that are indexed; a search for more finds nothing.
const WORDS_MAX: usize = 8;
const PREFIX_MIN: usize = 3;
const PREFIX_MAX: usize = 8;

impl<V> Index<V> {
    /// The terms under which a stored value is found.
    #[doc(hidden)]
    pub fn stored(&self, field: &'static str, value: &V, into: &mut Vec<Term>) {
        match self {
            Self::None => {}
            Self::Exact(text) => into.extend(text(value).map(|text| Term { field, text: fold(&text) })),
            Self::Words(text) => {
                let text = text(value).unwrap_or_default();
                for word in words(&text).into_iter().take(WORDS_MAX) {
                    let letters = word.chars().count();
                    for take in PREFIX_MIN.min(letters)..=PREFIX_MAX.min(letters) {
                        into.push(Term { field, text: word.chars().take(take).collect() });
                    }
                }
            }
        }
    }

    /// The terms that all must be found for a searched value to match.
    #[doc(hidden)]
    pub fn searched(&self, field: &'static str, value: &V) -> Vec<Term> {
        match self {
            Self::None => Vec::new(),
            Self::Exact(text) => {
                text(value).map(|text| Term { field, text: fold(&text) }).into_iter().collect()
            }
            Self::Words(text) => {
                let text = text(value).unwrap_or_default();
                let words = words(&text);
                // A word that was left out would find more than was asked for.
                if words.len() > WORDS_MAX {
                    return Vec::new();
                }
                words
                    .into_iter()
                    .map(|word| Term { field, text: word.chars().take(PREFIX_MAX).collect() })
                    .collect()
            }
        }
    }
}

/// Compatibility decomposition, accents and punctuation dropped, lower case. Version 1 of the normalisation: changing it
/// means indexing anew.
fn fold(text: &str) -> String {
    text.nfkd().filter(|c| c.is_alphanumeric() || c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

fn words(text: &str) -> Vec<String> {
    // A hyphen or an apostrophe separates words in one spelling and not in the other; it separates here.
    let spaced: String = text.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    fold(&spaced).split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(stored: &str, searched: &str) -> bool {
        let index = Index::<String>::Words(|v| Some(v.clone()));
        let mut terms = Vec::new();
        index.stored("name", &stored.to_owned(), &mut terms);
        let asked = index.searched("name", &searched.to_owned());
        !asked.is_empty() && asked.iter().all(|term| terms.contains(term))
    }

    #[test]
    fn words_are_found_by_their_beginnings() {
        assert!(found("Müller-Lüdenscheidt", "muller"));
        assert!(found("Müller-Lüdenscheidt", "lüdensch"));
        assert!(found("Li", "li"));
        assert!(found("Smith", "SMI"));
        assert!(found("Papadopoulos", "papadopoulou"), "words are compared to eight letters");
        assert!(!found("Smith", "sm"), "two letters of a longer word are too few");
        assert!(!found("Smith", "mith"));
        assert!(!found("Smith", "smythe"));
        assert!(!found("Smith", "--"), "nothing searched finds nothing");
        assert!(found("a b c d e f g h i", "a b c d e f g h"));
        assert!(!found("a b c d e f g h i", "a b c d e f g h i"), "too many words find nothing");
    }
}
