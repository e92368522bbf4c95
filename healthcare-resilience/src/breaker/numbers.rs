use super::{
    build::Kind,
    circuit::CircuitBreaker,
    rules::{Rules, Trip},
};
use std::fmt;

/// The numbers of a breaker in one line, for explanations.
#[derive(Debug)]
pub(crate) struct Numbers<'a> {
    kind: Kind,
    rules: &'a Rules,
}

impl CircuitBreaker {
    pub(crate) fn numbers(&self) -> Numbers<'_> {
        let (kind, rules) = self.shared().numbers();
        Numbers { kind, rules }
    }
}

impl fmt::Display for Numbers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rules.trip {
            Trip::Run(failures) => write!(f, "opens after {failures} failures in a row")?,
            Trip::Rate { failed, slow, min_calls } => {
                write!(f, "opens at {failed} failed")?;
                if let (Some(part), Some(slow)) = (slow, self.rules.slow) {
                    write!(f, " or {part} slower than {:?}", slow.after)?;
                }
                write!(f, " of {min_calls} or more calls")?;
            }
        }
        match self.kind {
            Kind::Run(_) => {}
            Kind::Count(calls) => write!(f, " among the last {calls}")?,
            Kind::Time(length) => write!(f, " in {length:?}")?,
        }
        if let Some(slow) = self.rules.slow.filter(|slow| slow.is_failure) {
            write!(f, " (slower than {:?} is failed)", slow.after)?;
        }
        let open = &self.rules.open;
        write!(f, ", for {:?} up to {:?}, then probes {}", open.first(), open.max(), self.rules.probes)
    }
}
