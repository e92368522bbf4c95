/// The shared tier did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SharedError {
    /// It could not be reached, or its answer was lost: what was asked may have happened. Reads go on without it; who
    /// purges asks again, which is harmless.
    #[error("the shared cache does not answer: read without it, and repeat what was to be forgotten")]
    Away(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It does not let this user do what the tier needs. What was asked may have happened in part: a purge whose notice may
    /// not be published is carried out.
    #[error(
        "the shared cache refuses its user: grant it the scripts, their commands, its keys and its channel"
    )]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It has no room and may not make any: nothing was kept.
    #[error("the shared cache is full: give it more memory, or a policy that evicts")]
    Full(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It is one server of a cluster, and the connection knows that server alone.
    #[error("the shared cache is a cluster: give the tier a connection of the whole cluster")]
    Cluster(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There is nothing to listen to: a node over this tier cannot hear what others forget.
    #[error(
        "this tier has nothing to listen to: give it a client of its own for that, as .listener(..) of RedisShared"
    )]
    Deaf,
    /// It answered something else than it was asked, as after a change of what is kept there by other hands.
    #[error("the shared cache answers in another form: look whether others write under its prefix")]
    Garbled,
    /// More was asked in one call than the tier takes. Nothing was done.
    #[error("{what}: {given} in one call, and at most {max} are taken: split the call")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many were given.
        given: usize,
        /// How many are taken.
        max: usize,
    },
    /// A bar must be between a millisecond and the tier's longest. Nothing was barred.
    #[error("a bar of this length is not taken: longer than a commit can take, and within the tier's limit")]
    BarLength,
}
