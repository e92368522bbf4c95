//! The numbers of the policies in one line each, for explanations.

use super::{
    AdaptiveLimit, Priority, Shedder, Throttle, WarmUp, WarmUpCurve,
    algorithm::LimitAlgorithm,
    throttle_build::{Rule, ThrottleFormula},
};
use std::fmt::{self, Display};

impl AdaptiveLimit {
    pub(crate) fn numbers(&self) -> impl Display + use<> {
        let settings = self.settings();
        fmt::from_fn(move |f| {
            let (min, max, initial) = (settings.min, settings.max, settings.initial);
            match settings.algorithm {
                None => return write!(f, "{max} at once"),
                Some(LimitAlgorithm::Aimd(aimd)) => {
                    let (ratio, slow) = (Percent(aimd.ratio), aimd.slow);
                    write!(f, "by failures and calls over {slow:?}, down to {ratio} each time")?;
                }
                Some(LimitAlgorithm::Vegas(_)) => f.write_str("by the queue that latency implies (Vegas)")?,
                Some(LimitAlgorithm::Gradient(gradient)) => {
                    write!(f, "by latency over {} times that without load", gradient.tolerance)?;
                }
            }
            write!(f, ", {min} to {max} at once, {initial} at first")
        })
    }
}

impl Shedder {
    pub(crate) fn numbers(&self) -> impl Display + use<> {
        let limit = self.limit().numbers();
        let shares = [Priority::Clinical, Priority::Normal, Priority::Background]
            .map(|priority| (priority.as_str(), Percent(self.share(priority))));
        fmt::from_fn(move |f| {
            write!(f, "{limit}; ")?;
            for (priority, share) in shares {
                write!(f, "{priority} up to {share}, ")?;
            }
            f.write_str("emergencies up to all of it")
        })
    }
}

impl Throttle {
    pub(crate) fn numbers(&self) -> impl Display + use<> {
        let (Rule { formula, min_pass, ended_min }, window) = self.rule();
        fmt::from_fn(move |f| {
            match formula {
                ThrottleFormula::Sre { k } => write!(f, "sends up to {k} for each that is accepted")?,
                ThrottleFormula::Envoy { success, .. } => {
                    write!(f, "leaves out calls below {} accepted", Percent(success))?;
                }
            }
            write!(f, ", once {ended_min} came back in {window:?}, and always {} of them", Percent(min_pass))
        })
    }
}

impl WarmUp {
    pub(crate) fn numbers(&self) -> impl Display + use<> {
        let (from, to, over, curve) = self.ramp();
        let how = match curve {
            WarmUpCurve::Linear => "evenly",
            WarmUpCurve::Exponential => "slowly first",
        };
        fmt::from_fn(move |f| write!(f, "{from} at once at first, {to} after {over:?}, growing {how}"))
    }
}

/// A part of the whole, to the hundredth of a percent.
#[derive(Clone, Copy)]
struct Percent(f64);

impl Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", (self.0 * 10_000.0).round() / 100.0)
    }
}
