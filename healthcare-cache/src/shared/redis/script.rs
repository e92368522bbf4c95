use healthcare_resilience::RedisScript;

/// Everything the shared tier asks of the server.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) fetch: RedisScript,
    pub(super) lease: RedisScript,
    pub(super) release: RedisScript,
    pub(super) fill: RedisScript,
    pub(super) check: RedisScript,
    pub(super) forget: RedisScript,
    pub(super) bar: RedisScript,
    pub(super) lift: RedisScript,
    pub(super) generation: RedisScript,
}

macro_rules! about_a_clinic {
    ($($file:literal),+) => { RedisScript::new(concat!($(include_str!($file)),+)) };
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            fetch: about_a_clinic!("common.lua", "fetch.lua"),
            lease: about_a_clinic!("common.lua", "lease.lua"),
            release: about_a_clinic!("first.lua", "common.lua", "release.lua"),
            fill: about_a_clinic!("common.lua", "fill.lua"),
            check: about_a_clinic!("common.lua", "check.lua"),
            forget: about_a_clinic!("first.lua", "common.lua", "forget.lua"),
            bar: about_a_clinic!("first.lua", "common.lua", "bar.lua"),
            lift: about_a_clinic!("first.lua", "common.lua", "lift.lua"),
            generation: RedisScript::new(include_str!("generation.lua")),
        }
    }
}
