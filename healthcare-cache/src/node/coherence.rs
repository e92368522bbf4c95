use super::{
    CacheNode,
    hearing::Effect,
    joined::Joined,
    nanos,
    notice::Word,
    queue::{Batch, Owed},
};
use crate::{Listener, SharedError};
use std::{fmt, time::Duration};
use tokio::time::{error::Elapsed, sleep, timeout};

/// Beats in one bound.
const BEATS: u32 = 3;
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Keeps a node coherent with the others: hears what they forget, says that it is there, and delivers what they have not yet
/// been told. The host spawns [`run_until`](Self::run_until) with the end of its service, or [`run`](Self::run)
/// and drops that.
///
/// While it does not run, and while the shared tier does not answer, the node is deaf: it does not use its memory, and reads
/// go on without it.
#[must_use = "a node that does not run it is deaf"]
pub struct Coherence(pub(super) CacheNode);

impl Coherence {
    /// Works until it is dropped; it never ends by itself. For a node alone there is nothing to do.
    pub async fn run(self) {
        match &self.0.0.joined {
            None => std::future::pending().await,
            Some(joined) => {
                At { node: &self.0, joined }.work().await;
            }
        }
    }

    /// Works until `stop` is done; then tells what is owed, and says goodbye, for at most the bound. Without a goodbye, the
    /// others forget everything once, because the last words of a node that falls silent may be lost: with each node of
    /// a rolling deployment. The node is deaf from `stop` on. Let it be the last thing that the process does with it.
    ///
    /// ```
    /// # use healthcare_cache::{CacheNode, MemoryServer};
    /// # use tokio::sync::oneshot;
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// let (node, coherence) =
    ///     CacheNode::builder().shared(MemoryServer::new().node()).secret(&[7; 32]).build()?;
    /// let (stop, stopped) = oneshot::channel::<()>();
    /// let hearing = tokio::spawn(coherence.run_until(async { drop(stopped.await) }));
    /// // At the shutdown, after the last request.
    /// drop(stop);
    /// hearing.await?;
    /// assert!(!node.is_hearing());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn run_until(self, stop: impl Future<Output = ()>) {
        let Some(joined) = &self.0.0.joined else { return stop.await };
        let at = At { node: &self.0, joined };
        tokio::select! {
            () = stop => at.leave().await,
            () = at.work() => {}
        }
    }
}

impl fmt::Debug for Coherence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Coherence").field(&self.0).finish()
    }
}

struct At<'a> {
    node: &'a CacheNode,
    joined: &'a Joined,
}

impl Drop for At<'_> {
    /// From now on nobody else says so. What was heard covers a moment more.
    fn drop(&mut self) {
        self.node.0.report.deaf_since(self.node.now());
    }
}

impl At<'_> {
    async fn work(&self) {
        tokio::join!(self.listen(), self.beat(), self.deliver());
    }

    async fn leave(&self) {
        // Nobody listens any more.
        self.node.0.hears.set(0);
        self.tell_deafness();
        let leaving = async {
            while let Some(batch) = self.joined.debt.next() {
                if !self.hand_over(&batch).await {
                    return;
                }
            }
            // What is barred may have to be purged yet. Who says no goodbye is doubted: that costs, and nothing else.
            if self.node.0.bars.is_empty()
                && let Some(goodbye) = self.joined.goodbye()
            {
                let guard = &self.joined.guard;
                let _: Result<(), SharedError> = guard.on_bus(guard.tier().say(&goodbye)).await;
            }
        };
        let _: Result<(), Elapsed> = timeout(self.joined.bound, leaving).await;
    }

    fn now(&self) -> u64 {
        nanos(self.node.now())
    }

    async fn listen(&self) {
        let mut pause = Pause::default();
        loop {
            let asked = self.now();
            if let Ok(mut ear) = self.joined.guard.on_bus(self.joined.guard.tier().listen()).await {
                self.act(|at| at.joined.hearing.lock().link(asked));
                self.joined.beats.notify_one();
                if self.hear_all(&mut *ear).await {
                    pause = Pause::default();
                }
            }
            sleep(pause.next()).await;
        }
    }

    /// Hears until the link is lost, or no own beat came over it for the bound. Whether anything came at all.
    async fn hear_all(&self, ear: &mut dyn Listener) -> bool {
        let mut has_heard = false;
        loop {
            let patience = self.joined.hearing.lock().patience().saturating_sub(self.now());
            if patience == 0 {
                return has_heard;
            }
            match timeout(Duration::from_nanos(patience), ear.next()).await {
                Ok(Ok(notice)) => {
                    has_heard = true;
                    self.act(|at| at.joined.hearing.lock().hear(&notice));
                }
                Ok(Err(_)) => return has_heard,
                Err(_) => {}
            }
        }
    }

    /// Does what was heard, and only then says up to when all was heard.
    fn act(&self, hear: impl FnOnce(&Self) -> Effect) {
        let effect = hear(self);
        self.joined.pass_on(&effect);
        match effect.word {
            Some(Word::Forget { scope, verb, marks, .. }) => {
                self.node.forget_here(&Owed::Marks { scope, verb, marks });
            }
            Some(Word::Clinic { scope, verb, .. }) => {
                self.node.forget_here(&Owed::Clinic { scope, verb });
            }
            Some(Word::Everything { .. } | Word::Beat(_) | Word::Goodbye { .. }) | None => {}
        }
        if let Some(doubt) = effect.doubt {
            self.node.forget_here(&Owed::Everything);
            self.node.0.report.bump(doubt.into());
        }
        self.node.0.hears.set(self.joined.hearing.lock().until());
        self.tell_deafness();
    }

    fn tell_deafness(&self) {
        let now = self.node.now();
        if self.node.hears(now) {
            self.node.0.report.hears_since(now);
        } else {
            self.node.0.report.deaf_since(now);
        }
    }

    async fn beat(&self) {
        loop {
            // An error shows as deafness.
            let _: Result<(), SharedError> = self.round().await;
            let now = self.now();
            self.act(|at| at.joined.hearing.lock().tick(now));
            self.node.0.bars.lapse(now, |lapse| self.node.lapsed(lapse));
            tokio::select! {
                () = sleep(self.joined.bound / BEATS) => {}
                () = self.joined.beats.notified() => {}
            }
        }
    }

    /// One beat. It carries the time before the tier was asked whether everything was purged: who hears it knows that too.
    async fn round(&self) -> Result<(), SharedError> {
        let (begun, guard) = (self.now(), &self.joined.guard);
        let generation = guard.on_bus(guard.tier().generation()).await?;
        if self.joined.hearing.lock().know(generation) {
            self.node.forget_here(&Owed::Everything);
            self.node.0.report.bump(crate::report::Bump::Generation);
        }
        self.joined.ask_again_after(begun);
        let beat = self.joined.beat(begun, generation);
        guard.on_bus(guard.tier().say(&beat)).await
    }

    async fn deliver(&self) {
        let mut pause = Pause::default();
        loop {
            match self.joined.debt.next() {
                None => self.joined.owes.notified().await,
                Some(batch) if self.hand_over(&batch).await => pause = Pause::default(),
                Some(_) => sleep(pause.next()).await,
            }
        }
    }

    /// Whether the shared tier has been told.
    async fn hand_over(&self, batch: &Batch) -> bool {
        let is_told = self.joined.tell(&batch.owed, false).await.is_ok();
        if is_told {
            self.node.0.report.queue(self.joined.debt.confirm(batch));
        }
        is_told
    }
}

/// How long to wait before the next try: twice as long each time, and by chance up to half of that shorter, so that many nodes
/// do not come at once.
struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(PAUSE_MIN)
    }
}

impl Pause {
    fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = pause.saturating_mul(2).min(PAUSE_MAX);
        pause.mul_f64(fastrand::f64().mul_add(-0.5, 1.0))
    }
}
