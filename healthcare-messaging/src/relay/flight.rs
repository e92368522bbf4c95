use super::{Pass, Relay, RelayError, status::Settled};
use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use healthcare_core::OutboxEntry;
use healthcare_resilience::Token;
use std::{pin::pin, time::Duration};

/// Deliveries under way: those of the present pass, and those that earlier passes did not wait for.
pub(super) struct Flight<'r> {
    relay: &'r Relay,
    deliveries: FuturesUnordered<BoxFuture<'r, (u64, Settled)>>,
    passes: u64,
    total: Pass,
}

impl<'r> Flight<'r> {
    pub(super) fn of(relay: &'r Relay) -> Self {
        Self { relay, deliveries: FuturesUnordered::new(), passes: 0, total: Pass::default() }
    }

    /// How many entries more may be leased: so many are never held at once.
    fn room(&self) -> u32 {
        self.relay.batch.saturating_sub(u32::try_from(self.deliveries.len()).unwrap_or(u32::MAX))
    }

    fn count(&mut self, settled: Settled) {
        self.total.count(settled);
        self.relay.status.settled(settled);
    }

    /// Leases what there is room for and delivers it, for as long as the poll interval; what takes longer goes on. Whether anything was delivered.
    pub(super) async fn pass(&mut self) -> Result<bool, RelayError> {
        let (room, before) = (self.room(), self.total.delivered);
        if room == 0 {
            return Ok(false);
        }
        let entries = self.lease(room).await?;
        self.passes += 1;
        let mut fresh = entries.len();
        self.total.leased += fresh as u64;
        let (relay, number) = (self.relay, self.passes);
        self.deliveries.extend(
            entries.into_iter().map(|entry| async move { (number, relay.relay(&entry).await) }.boxed()),
        );
        let mut over = pin!(tokio::time::sleep(relay.poll));
        while fresh > 0 {
            tokio::select! {
                biased;
                Some((of, settled)) = self.deliveries.next() => {
                    self.count(settled);
                    fresh -= usize::from(of == number);
                }
                () = &mut over => break,
            }
        }
        Ok(self.total.delivered > before)
    }

    /// Leases while deliveries go on: an outbox that is slow must not cost them their time.
    async fn lease(&mut self, room: u32) -> Result<Vec<OutboxEntry>, RelayError> {
        let mut leasing = pin!(self.relay.lease(room));
        loop {
            tokio::select! {
                biased;
                leased = &mut leasing => return leased,
                Some((_, settled)) = self.deliveries.next() => self.count(settled),
            }
        }
    }

    /// Waits for a reason to look again: a signal, the end of the pause, or a late delivery, after which the next of its aggregate may come.
    /// An outbox that fails is not asked again because more was written to it, or because something was delivered.
    pub(super) async fn rest(&mut self, pause: Duration, is_failing: bool, token: &Token) {
        let mut over = pin!(tokio::time::sleep(pause));
        loop {
            let has_room = self.room() > 0;
            tokio::select! {
                biased;
                () = token.until_stopping() => return,
                Some((_, settled)) = self.deliveries.next() => {
                    self.count(settled);
                    if !is_failing && (settled == Settled::Delivered || !has_room) {
                        return;
                    }
                }
                () = self.relay.wake.signalled(), if has_room && !is_failing => return,
                () = &mut over, if has_room => return,
            }
        }
    }

    /// Waits for what is under way, and says what was done in all.
    pub(super) async fn land(mut self) -> Pass {
        while let Some((_, settled)) = self.deliveries.next().await {
            self.count(settled);
        }
        self.total
    }
}
