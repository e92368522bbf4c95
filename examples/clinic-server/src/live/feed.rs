//! What the rooms are told, and by whom: the outbox, which every process writes to and this one follows.

use super::BOARD;
use async_trait::async_trait;
use healthcare_core::{Appointment, Clock, DomainEvent, OutboxError, Record};
use healthcare_db::{OutboxTail, SqlOutbox, Tailed};
use healthcare_messaging::{Envelope, Handler, HandlerError, Hub, InvalidRoom, RoomName, Subscription};
use healthcare_resilience::{Token, time_out};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Notify, time::MissedTickBehavior};

/// How often it is looked for what other processes committed. What this one commits is looked for at once.
const EVERY: Duration = Duration::from_millis(500);
/// How long a look may take.
const LOOK_MAX: Duration = Duration::from_secs(5);
/// For how long rooms are believed to be told of everything after a look.
const FED_FOR: Duration = Duration::from_secs(15);

/// When the outbox was last looked at.
#[derive(Debug)]
pub(crate) struct Fed(AtomicU64);

/// Before the first look.
const NEVER: u64 = u64::MAX;

impl Default for Fed {
    fn default() -> Self {
        Self(AtomicU64::new(NEVER))
    }
}

impl Fed {
    fn looked(&self, now: Duration) {
        self.0.store(u64::try_from(now.as_millis()).unwrap_or(NEVER), Ordering::Relaxed);
    }

    /// Whether the rooms are told what happens; nothing before that has begun.
    pub(super) fn is_fresh(&self, now: Duration) -> Option<bool> {
        let looked = Some(self.0.load(Ordering::Relaxed)).filter(|looked| *looked != NEVER)?;
        Some(now.saturating_sub(Duration::from_millis(looked)) < FED_FOR)
    }
}

/// Tells the board what happened to appointments, whichever process committed it.
#[derive(Debug)]
pub struct Feed {
    hub: Hub,
    board: RoomName,
    tail: OutboxTail,
    fed: Arc<Fed>,
    clock: Arc<dyn Clock>,
    nudge: Arc<Notify>,
}

impl Feed {
    pub(super) fn new(
        hub: Hub,
        outbox: Arc<SqlOutbox>,
        (fed, clock): (Arc<Fed>, &Arc<dyn Clock>),
    ) -> Result<Self, InvalidRoom> {
        let tail = OutboxTail::new(outbox, Appointment::KIND);
        let (clock, nudge) = (Arc::clone(clock), Arc::new(Notify::new()));
        Ok(Self { hub, board: BOARD.parse()?, tail, fed, clock, nudge })
    }

    /// Begins at the present. Before it is done, nobody may be let into a room.
    pub(crate) async fn begin(&mut self) -> Result<(), OutboxError> {
        let tailed = self.tail.look().await?;
        self.tell(&tailed);
        Ok(())
    }

    /// Has it look as soon as something of this process is on its way.
    pub(crate) fn nudge(&self) -> (Subscription, Arc<dyn Handler>) {
        let subscription = Subscription::best_effort("live").kind("appointment.*").queue(1);
        (subscription, Arc::new(Nudge(Arc::clone(&self.nudge))))
    }

    /// Looks until it is told to stop. While it cannot, sockets are closed by [`Fed`], and nothing is lost: it goes on from where it was.
    pub(crate) async fn run(mut self, token: Token) {
        let mut turns = tokio::time::interval(EVERY);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            tokio::select! {
                () = token.until_stopping() => return,
                () = self.nudge.notified() => {}
                _ = turns.tick() => {}
            }
            let looked = time_out(LOOK_MAX, self.tail.look()).await;
            let failed = match &looked {
                Ok(Ok(tailed)) => {
                    self.tell(tailed);
                    false
                }
                Ok(Err(error)) => {
                    if !failing {
                        tracing::warn!(%error, "open boards are not told what happens");
                    }
                    true
                }
                Err(_) => true,
            };
            if failing && !failed {
                tracing::info!("open boards are told again");
            }
            failing = failed;
        }
    }

    fn tell(&self, tailed: &Tailed) {
        if tailed.missed {
            self.hub.reset();
        }
        for event in &tailed.events {
            self.hub.publish(event.clinic, &self.board, &Envelope::of(event));
        }
        self.fed.looked(self.clock.monotonic());
    }
}

struct Nudge(Arc<Notify>);

#[async_trait]
impl Handler for Nudge {
    async fn handle(&self, _: &DomainEvent) -> Result<(), HandlerError> {
        self.0.notify_one();
        Ok(())
    }
}
