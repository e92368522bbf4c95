/// What a [`RedisRateLimit`](crate::RedisRateLimit) does while its server does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhileAway {
    /// Refuses: the limit holds, and the limited work stops. For sign-ins, and for what costs money.
    #[default]
    Refuse,
    /// Each of so many instances gives out its equal share of the quota: the limit holds over all of them, and a caller
    /// whose load balancer favours one instance is limited earlier. What an instance gave out before counts, so that
    /// losing the server is no new burst.
    LocalShare {
        /// How many instances there may be at most. With more than that the limit is exceeded in proportion.
        instances: u32,
    },
    /// Lets everything through: the limit is a courtesy, and the work matters more. Then there is no limit at all.
    Open,
}
