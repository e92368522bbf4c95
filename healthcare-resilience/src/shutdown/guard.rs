use super::{CutOff, Stage, Token};
use crate::admitted::watch;
use std::future::{Future, IntoFuture, poll_fn};

/// Work in flight. The stage waits for it until it is dropped or the deadline passes.
///
/// The report counts a panic of work that [`run`](Self::run) or [`Stage::spawn`] runs. One that drops a guard in hand may
/// come from anything in the same task, and is not counted.
#[derive(Debug)]
#[must_use = "the work is in flight only as long as its guard lives"]
pub struct Guard {
    stage: Stage,
    name: &'static str,
    has_panicked: bool,
}

impl Guard {
    pub(crate) const fn new(stage: Stage, name: &'static str) -> Self {
        Self { stage, name, has_panicked: false }
    }

    /// A token of the stage, for work that ends itself.
    #[must_use]
    pub fn token(&self) -> Token {
        self.stage.token()
    }

    /// Runs `work` under this guard and drops it when the stage is cut off.
    ///
    /// # Errors
    /// [`CutOff`] when the deadline passed first.
    pub fn run<W: IntoFuture>(self, work: W) -> impl Future<Output = Result<W::Output, CutOff>> {
        // Work before guard, in whichever state this future is dropped: the stage never counts work as gone that
        // still holds something.
        let held = (work.into_future(), self);
        async move {
            let (work, mut guard) = held;
            let stage = guard.stage.clone();
            let mut work = std::pin::pin!(work);
            let watched = poll_fn(|cx| watch(|| work.as_mut().poll(cx), || guard.has_panicked = true));
            tokio::select! {
                biased;
                output = watched => Ok(output),
                () = stage.until_cut() => Err(CutOff { stage: stage.name() }),
            }
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.stage.leave(self.name, self.has_panicked);
    }
}
