use crate::{Delivery, Handler, Subscription, Tally, Why};
use futures_util::FutureExt as _;
use healthcare_core::DomainEvent;
use healthcare_resilience::time_out;
use std::{
    error::Error,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};

/// One event for one subscriber.
struct Job {
    event: Arc<DomainEvent>,
    answer: Option<oneshot::Sender<Result<(), Why>>>,
}

/// A subscriber's end of the bus: its queue. The task behind it ends with the last sender, or with its stop.
pub(super) struct Subscriber {
    number: u64,
    subscription: Subscription,
    queue: mpsc::Sender<Job>,
    tally: Arc<Tally>,
    /// Missed and not told yet.
    untold: Arc<AtomicU64>,
}

/// Ends the subscriber's task when dropped.
pub(super) struct Stop(#[allow(dead_code, reason = "held, and noticed when dropped")] oneshot::Sender<()>);

impl Subscriber {
    pub(super) fn start(
        number: u64,
        subscription: Subscription,
        handler: Arc<dyn Handler>,
        tally: Arc<Tally>,
    ) -> (Self, Stop) {
        let (queue, jobs) = mpsc::channel(subscription.queue_len());
        let (stop, stopped) = oneshot::channel();
        let untold = Arc::new(AtomicU64::new(0));
        let worker = Worker {
            subscription: subscription.clone(),
            handler,
            tally: Arc::clone(&tally),
            untold: Arc::clone(&untold),
        };
        tokio::spawn(worker.run(jobs, stopped));
        (Self { number, subscription, queue, tally, untold }, Stop(stop))
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    pub(super) const fn name(&self) -> &'static str {
        self.subscription.name()
    }

    pub(super) const fn delivery(&self) -> Delivery {
        self.subscription.delivery()
    }

    pub(super) fn wants(&self, event: &DomainEvent) -> bool {
        self.subscription.wants(&event.kind)
    }

    /// Queues an event whose handling will be answered.
    pub(super) fn send(&self, event: &Arc<DomainEvent>) -> Result<oneshot::Receiver<Result<(), Why>>, Why> {
        let (answer, answered) = oneshot::channel();
        match self.queue.try_send(Job { event: Arc::clone(event), answer: Some(answer) }) {
            Ok(()) => Ok(answered),
            Err(TrySendError::Full(_)) => Err(Why::Behind),
            Err(TrySendError::Closed(_)) => Err(Why::Gone),
        }
    }

    /// Queues an event if there is room, and counts it as missed if there is none.
    pub(super) fn offer(&self, event: &Arc<DomainEvent>) {
        if let Err(TrySendError::Full(_)) =
            self.queue.try_send(Job { event: Arc::clone(event), answer: None })
        {
            self.tally.missed();
            // The queue is full, so the task takes another job after this and tells it then.
            self.untold.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The task of one subscriber.
struct Worker {
    subscription: Subscription,
    handler: Arc<dyn Handler>,
    tally: Arc<Tally>,
    untold: Arc<AtomicU64>,
}

impl Worker {
    async fn run(self, mut jobs: mpsc::Receiver<Job>, mut stopped: oneshot::Receiver<()>) {
        loop {
            let job = tokio::select! {
                biased;
                _ = &mut stopped => return,
                job = jobs.recv() => job,
            };
            let Some(Job { event, answer }) = job else { return };
            self.tell_missed().await;
            let outcome = self.handle(&event).await;
            self.tally.handled(outcome.is_ok());
            if let Some(answer) = answer {
                // Who published may have gone; then it publishes again.
                let _ = answer.send(outcome);
            }
        }
    }

    async fn handle(&self, event: &DomainEvent) -> Result<(), Why> {
        let handling = AssertUnwindSafe(async { self.handler.handle(event).await }).catch_unwind();
        let (why, error) = match time_out(self.subscription.time_limit(), handling).await {
            Ok(Ok(Ok(()))) => return Ok(()),
            Ok(Ok(Err(error))) => (Why::Failed, Some(error)),
            Ok(Err(_)) => (Why::Panicked, None),
            Err(_) => (Why::Elapsed, None),
        };
        tracing::warn!(
            subscriber = self.subscription.name(),
            event = %event.id,
            kind = %event.kind,
            error = error.as_ref().map(|error| error as &dyn Error),
            "an event was not handled: its handler {why}"
        );
        Err(why)
    }

    async fn tell_missed(&self) {
        let missed = self.untold.swap(0, Ordering::Relaxed);
        if missed == 0 {
            return;
        }
        tracing::warn!(
            subscriber = self.subscription.name(),
            missed,
            "a subscriber was behind and missed events"
        );
        let telling = AssertUnwindSafe(async { self.handler.missed(missed).await }).catch_unwind();
        if !matches!(time_out(self.subscription.time_limit(), telling).await, Ok(Ok(()))) {
            tracing::warn!(
                subscriber = self.subscription.name(),
                "a subscriber could not be told what it missed"
            );
        }
    }
}
