use crate::Class;

/// The last result of a call's tries that was no refusal.
///
/// When a later try is refused, something was sent all the same: whoever is told that nothing was would send a write again
/// under a new key. For all that make a call more than once.
#[derive(Debug)]
pub(crate) struct Sent<R>(Option<(Class, R)>);

impl<R> Sent<R> {
    pub(crate) const fn nothing() -> Self {
        Self(None)
    }

    /// A try ended, and another one may follow.
    pub(crate) fn keep(&mut self, class: Class, result: R) {
        if class != Class::Rejected {
            self.0 = Some((class, result));
        }
    }

    /// What the call gives when its last try ended so. Nothing is kept from then on.
    pub(crate) fn last(&mut self, class: Class, result: R) -> (Class, R) {
        let kept = self.0.take();
        if class == Class::Rejected { kept.unwrap_or((class, result)) } else { (class, result) }
    }

    /// Forgets what was kept: the call ends otherwise.
    pub(crate) fn clear(&mut self) {
        self.0 = None;
    }
}
