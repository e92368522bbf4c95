use super::{OrderRule, StepKind};
use std::fmt;

/// The stack cannot be built as described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StackConfigError {
    /// No step at all.
    Empty {
        /// The stack.
        stack: &'static str,
    },
    /// More steps than a call keeps count of.
    TooManySteps {
        /// The stack.
        stack: &'static str,
        /// The limit.
        max: usize,
    },
    /// A time limit of zero.
    NoTime {
        /// The stack.
        stack: &'static str,
        /// The step.
        step: StepKind,
    },
    /// A rule about the order of the steps is broken.
    Order {
        /// The stack.
        stack: &'static str,
        /// The rule.
        rule: OrderRule,
        /// The outer of the two steps that break it: what it is, and its name.
        outer: (StepKind, &'static str),
        /// The inner one.
        inner: (StepKind, &'static str),
    },
    /// A rule was to be broken that cannot be.
    NotAllowed {
        /// The stack.
        stack: &'static str,
        /// The rule.
        rule: OrderRule,
    },
}

impl fmt::Display for StackConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { stack } => write!(f, "stack {stack} guards against nothing: add a step"),
            Self::TooManySteps { stack, max } => {
                write!(f, "stack {stack} has more than {max} steps: leave some out")
            }
            Self::NoTime { stack, step } => {
                write!(f, "stack {stack}: a {step} of zero lets no call through: give it time")
            }
            Self::Order { stack, rule, outer, inner } => {
                write!(f, "stack {stack}: {} stands outside {}, but {rule}: ", Named(outer), Named(inner))?;
                write!(f, "{}; {}", rule.reason(), rule.fix())
            }
            Self::NotAllowed { stack, rule } => {
                write!(f, "stack {stack}: that {rule} cannot be otherwise: {}", rule.reason())
            }
        }
    }
}

impl std::error::Error for StackConfigError {}

/// A step by its kind and name; time limits have none.
struct Named<'a>(&'a (StepKind, &'static str));

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = self.0;
        match *name {
            "" => write!(f, "the {kind}"),
            name => write!(f, "{kind} {name}"),
        }
    }
}
