use super::{permit::Permit, step::STEPS_MAX};
use crate::Class;

/// The permits of a call, or of one of its tries, outermost first. Nothing is allocated for them.
///
/// They are given back innermost first; whatever is left when this is dropped was cancelled.
#[derive(Debug)]
pub(super) struct Held<'a> {
    permits: [Option<(usize, Permit<'a>)>; STEPS_MAX],
    len: usize,
}

impl<'a> Held<'a> {
    pub(super) const fn none() -> Self {
        Self { permits: [const { None }; STEPS_MAX], len: 0 }
    }

    /// Keeps the permit of the step at `level`.
    pub(super) fn push(&mut self, level: usize, permit: Permit<'a>) {
        // There are as many places as a stack may have steps.
        if let Some(place) = self.permits.get_mut(self.len) {
            *place = Some((level, permit));
            self.len += 1;
        }
    }

    fn pop(&mut self) -> Option<(usize, Permit<'a>)> {
        self.len = self.len.checked_sub(1)?;
        self.permits.get_mut(self.len)?.take()
    }

    /// Tells every permit how the call ended.
    pub(super) fn record(&mut self, class: Class) {
        while let Some((_, permit)) = self.pop() {
            permit.record(class);
        }
    }

    /// Tells every permit that the call's own code panicked.
    pub(super) fn panicked(&mut self) {
        while let Some((_, permit)) = self.pop() {
            permit.panicked();
        }
    }

    /// The time limit of the step at `level` dropped the call: a failure for those who stand outside of it, and
    /// nothing for those inside, who did not set the limit.
    pub(super) fn record_over(&mut self, level: usize) {
        while let Some((at, permit)) = self.pop() {
            match at < level {
                true => permit.record(Class::Transient),
                false => drop(permit),
            }
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}
