/// The tier could not be reached or did not answer in time.
#[derive(Debug, thiserror::Error)]
#[error("the cache cannot be reached: go on without it")]
pub struct TierError(#[source] pub Box<dyn std::error::Error + Send + Sync>);
