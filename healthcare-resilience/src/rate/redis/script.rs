use crate::{RedisInput, RedisLink, RedisScript};
use redis::RedisResult;

/// What the script is asked.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    /// The bucket's key.
    pub(crate) bucket: &'a [u8],
    /// The decision's key, when it must not be charged twice.
    pub(crate) decision: Option<&'a [u8]>,
    pub(crate) interval: u64,
    pub(crate) capacity: u64,
    pub(crate) needed: u32,
    pub(crate) wanted: u32,
    pub(crate) decision_ms: u64,
}

/// What the script answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Permits; zero when refused.
    pub(crate) granted: u32,
    /// How much of the bucket is in use, in microseconds.
    pub(crate) used: u64,
}

/// The algorithm as the server runs it.
#[derive(Debug)]
pub(crate) struct GcraScript(RedisScript);

impl GcraScript {
    pub(crate) fn new() -> Self {
        Self(RedisScript::new(include_str!("gcra.lua")))
    }

    pub(crate) async fn ask(&self, link: &RedisLink, question: &Question<'_>) -> RedisResult<Answer> {
        let input = RedisInput::new()
            .key(question.bucket)
            .key(question.decision)
            .arg(question.interval)
            .arg(question.capacity)
            .arg(question.needed)
            .arg(question.wanted)
            .arg(question.decision_ms);
        let (granted, used) = self.0.run(link, &input).await?;
        Ok(Answer { granted, used })
    }
}
