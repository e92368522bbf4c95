//! The bus within one process.

mod partial;
mod subscriber;

use self::{partial::Partial, subscriber::Subscriber};
use crate::{
    Delivery, EventBus, Handler, PublishError, SubscribeError, Subscribed, Subscription, Tally, Undelivered,
    Why,
};
use async_trait::async_trait;
use healthcare_core::DomainEvent;
use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::oneshot;

const SUBSCRIBERS_MAX: usize = 256;
const QUEUE_MAX: usize = 65_536;

/// Delivers events within this process. Cheap to clone; clones are one bus.
///
/// [`publish`](EventBus::publish) waits until every acknowledged subscriber has handled the event: with an outbox behind
/// it, a process that dies in between loses nothing. Each subscriber has a bounded queue and a task of its own, which
/// handles one event at a time. When an event is published again because some subscriber failed it, those that have
/// handled it are spared, as long as the bus remembers (4,096 events).
///
/// ```
/// use healthcare_core::DomainEvent;
/// use healthcare_messaging::{EventBus, Handler, HandlerError, InProcessBus, Subscription};
/// use std::sync::Arc;
///
/// struct Print;
/// #[async_trait::async_trait]
/// impl Handler for Print {
///     async fn handle(&self, event: &DomainEvent) -> Result<(), HandlerError> {
///         println!("{}", event.kind);
///         Ok(())
///     }
/// }
///
/// # async fn example(event: Arc<DomainEvent>) -> Result<(), Box<dyn std::error::Error>> {
/// let bus = InProcessBus::new();
/// let printing = bus.subscribe(Subscription::acknowledged("print"), Arc::new(Print)).await?;
/// bus.publish(event).await?;
/// assert_eq!(printing.counts().handled, 1);
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct InProcessBus {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    next: AtomicU64,
    subscribers: RwLock<Vec<Arc<Subscriber>>>,
    partial: Mutex<Partial>,
}

impl InProcessBus {
    /// A bus without subscribers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Who is subscribed now, by name.
    #[must_use]
    pub fn subscribers(&self) -> Vec<&'static str> {
        self.shared.all().iter().map(|subscriber| subscriber.name()).collect()
    }
}

impl Shared {
    fn all(&self) -> Vec<Arc<Subscriber>> {
        self.subscribers.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn partial<R>(&self, with: impl FnOnce(&mut Partial) -> R) -> R {
        with(&mut self.partial.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn remove(&self, number: u64) {
        let mut subscribers = self.subscribers.write().unwrap_or_else(PoisonError::into_inner);
        subscribers.retain(|subscriber| subscriber.number() != number);
    }
}

/// A subscriber whose answer a publish waits for.
type Waiting = (Arc<Subscriber>, oneshot::Receiver<Result<(), Why>>);

#[async_trait]
impl EventBus for InProcessBus {
    async fn publish(&self, event: Arc<DomainEvent>) -> Result<(), PublishError> {
        let had = self.shared.partial(|partial| partial.had(event.id));
        let (mut waiting, mut failed, mut done): (Vec<Waiting>, Vec<Undelivered>, Vec<u64>) =
            Default::default();
        let wanting = self.shared.all().into_iter().filter(|subscriber| subscriber.wants(&event));
        for subscriber in wanting {
            if had.contains(&subscriber.number()) {
                done.push(subscriber.number());
                continue;
            }
            match subscriber.delivery() {
                Delivery::BestEffort => {
                    subscriber.offer(&event);
                    done.push(subscriber.number());
                }
                Delivery::Acknowledged => match subscriber.send(&event) {
                    Ok(answer) => waiting.push((subscriber, answer)),
                    Err(why) => failed.push(Undelivered::new(subscriber.name(), why)),
                },
            }
        }
        for (subscriber, answer) in waiting {
            // A task that went away with the question unanswered has unsubscribed.
            match answer.await.unwrap_or(Err(Why::Gone)) {
                Ok(()) => done.push(subscriber.number()),
                Err(why) => failed.push(Undelivered::new(subscriber.name(), why)),
            }
        }
        if failed.is_empty() {
            self.shared.partial(|partial| partial.forget(event.id));
            return Ok(());
        }
        self.shared.partial(|partial| partial.remember(event.id, done));
        Err(PublishError::Undelivered(failed))
    }

    async fn subscribe(
        &self,
        subscription: Subscription,
        handler: Arc<dyn Handler>,
    ) -> Result<Subscribed, SubscribeError> {
        let name = subscription.name();
        if !(1..=QUEUE_MAX).contains(&subscription.queue_len()) {
            return Err(SubscribeError::Queue { name, max: QUEUE_MAX });
        }
        if subscription.time_limit().is_zero() {
            return Err(SubscribeError::NoTime(name));
        }
        let mut subscribers = self.shared.subscribers.write().unwrap_or_else(PoisonError::into_inner);
        if subscribers.iter().any(|subscriber| subscriber.name() == name) {
            return Err(SubscribeError::NameTaken(name));
        }
        if subscribers.len() >= SUBSCRIBERS_MAX {
            return Err(SubscribeError::TooMany { max: SUBSCRIBERS_MAX });
        }
        let (number, tally) = (self.shared.next.fetch_add(1, Ordering::Relaxed), Arc::new(Tally::default()));
        let (subscriber, stop) = Subscriber::start(number, subscription, handler, Arc::clone(&tally));
        subscribers.push(Arc::new(subscriber));
        let shared = Arc::downgrade(&self.shared);
        Ok(Subscribed::new(name, tally, move || {
            drop(stop);
            if let Some(shared) = shared.upgrade() {
                shared.remove(number);
            }
        }))
    }
}

impl fmt::Debug for InProcessBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcessBus").field("subscribers", &self.subscribers()).finish_non_exhaustive()
    }
}
