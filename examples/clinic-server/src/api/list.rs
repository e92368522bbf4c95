//! Lists: `{items, next}`.

use crate::http::Problem;
use healthcare_core::{Cursor, Page, PageRequest, Record, Released};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Listing<T> {
    /// The items.
    pub(crate) items: Vec<T>,
    /// Where the next page begins: send it as `after`. Absent on the last page.
    pub(crate) next: Option<String>,
}

impl<T> Listing<T> {
    /// A page of records, each as its view.
    pub(crate) fn of<R: Record>(page: Page<R>, view: impl Fn(&Released<R>) -> T) -> Self {
        let next = page.next.map(|cursor| cursor.as_str().to_owned());
        Self { items: page.items.iter().map(view).collect(), next }
    }
}

/// Which page of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// The most items, 1 to 200; 50 unless said otherwise.
    pub(crate) limit: Option<u32>,
    /// The `next` of the page before.
    pub(crate) after: Option<String>,
}

impl PageQuery {
    /// The page asked for.
    pub(crate) fn request(self) -> Result<PageRequest, Problem> {
        page(self.limit, self.after)
    }
}

/// The page asked for.
pub(crate) fn page(limit: Option<u32>, after: Option<String>) -> Result<PageRequest, Problem> {
    let first = limit.map_or_else(|| Ok(PageRequest::default()), PageRequest::first);
    let first = first.map_err(|error| Problem::field("limit", error.to_string()))?;
    match after {
        Some(after) if after.len() > Cursor::LENGTH_MAX => {
            Err(Problem::field("after", "send the `next` of the page before"))
        }
        after => Ok(first.after(after.map(Cursor::new))),
    }
}
