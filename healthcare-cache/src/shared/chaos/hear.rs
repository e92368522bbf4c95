use crate::shared::{error::SharedError, tier::Listener};
use async_trait::async_trait;
use std::{
    collections::VecDeque,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::{
    sync::watch,
    task::unconstrained,
    time::{Instant, sleep_until},
};

/// What is to go wrong with a notice on its way to a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoticeMishap {
    /// Nothing.
    None,
    /// It is not heard.
    Lose,
    /// It is heard twice.
    Twice,
    /// It is heard after the next one.
    AfterNext,
    /// It is heard so much later, by tokio's time, and what comes after it is not held up.
    Delay(Duration),
}

/// What goes wrong with hearing, for all listeners of a node.
#[derive(Debug)]
pub(super) struct Hearing {
    plan: Mutex<Plan>,
    link: watch::Sender<Link>,
}

#[derive(Debug)]
struct Plan {
    next: VecDeque<NoticeMishap>,
    then: NoticeMishap,
}

/// How the links are: each number counts up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Link {
    is_deaf: bool,
    deafened: u64,
    cuts: u64,
}

impl Hearing {
    pub(super) fn new() -> Self {
        let plan = Plan { next: VecDeque::new(), then: NoticeMishap::None };
        Self { plan: Mutex::new(plan), link: watch::Sender::new(Link::default()) }
    }

    pub(super) fn next(&self, mishaps: impl IntoIterator<Item = NoticeMishap>) {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).next.extend(mishaps);
    }

    pub(super) fn always(&self, mishap: NoticeMishap) {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).then = mishap;
    }

    pub(super) fn deafen(&self, is_deaf: bool) {
        self.link.send_modify(|link| {
            link.is_deaf = is_deaf;
            link.deafened += u64::from(is_deaf);
        });
    }

    pub(super) fn cut(&self) {
        self.link.send_modify(|link| link.cuts += 1);
    }

    pub(super) fn ear(self: &Arc<Self>, inner: Box<dyn Listener>) -> Ear {
        let link = self.link.subscribe();
        // A link that begins while the node is deaf is deaf, too.
        let began = Link { is_deaf: false, ..*link.borrow() };
        Ear {
            inner,
            hearing: self.clone(),
            link,
            known: began,
            ready: VecDeque::new(),
            late: None,
            delayed: Vec::new(),
        }
    }

    fn draw(&self) -> NoticeMishap {
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        plan.next.pop_front().unwrap_or(plan.then)
    }
}

#[derive(Debug)]
pub(super) struct Ear {
    inner: Box<dyn Listener>,
    hearing: Arc<Hearing>,
    link: watch::Receiver<Link>,
    known: Link,
    ready: VecDeque<Vec<u8>>,
    late: Option<Vec<u8>>,
    delayed: Vec<(Instant, Vec<u8>)>,
}

impl Ear {
    fn take(&mut self, notice: Vec<u8>) {
        match self.hearing.draw() {
            NoticeMishap::None => self.ready.push_back(notice),
            NoticeMishap::Lose => {}
            NoticeMishap::Twice => self.ready.extend([notice.clone(), notice]),
            // Of two that are both to be after the next, the second is the next of the first.
            NoticeMishap::AfterNext => match self.late.take() {
                None => {
                    self.late = Some(notice);
                    return;
                }
                Some(late) => self.ready.extend([notice, late]),
            },
            NoticeMishap::Delay(time) => self.delayed.push((Instant::now() + time, notice)),
        }
        self.ready.extend(self.late.take());
    }

    /// Loses what came or was on its way while the node was deaf.
    fn lose(&mut self) -> Result<(), SharedError> {
        self.ready.clear();
        self.delayed.clear();
        self.late = None;
        let mut context = Context::from_waker(Waker::noop());
        while let Poll::Ready(heard) = pin!(unconstrained(self.inner.next())).poll(&mut context) {
            heard?;
        }
        Ok(())
    }

    /// When the next of the delayed is to be heard.
    fn due(&self) -> Option<Instant> {
        self.delayed.iter().map(|(due, _)| *due).min()
    }

    fn give_due(&mut self, now: Instant) {
        self.delayed.sort_by_key(|(due, _)| *due);
        let given = self.delayed.iter().take_while(|(due, _)| *due <= now).count();
        self.ready.extend(self.delayed.drain(..given).map(|(_, notice)| notice));
    }
}

#[async_trait]
impl Listener for Ear {
    async fn next(&mut self) -> Result<Vec<u8>, SharedError> {
        loop {
            let link = *self.link.borrow_and_update();
            if link.cuts != self.known.cuts {
                return Err(super::tier::broken());
            }
            if link.is_deaf || self.known.is_deaf || link.deafened != self.known.deafened {
                self.lose()?;
            }
            self.known = link;
            if link.is_deaf {
                // The sender lives as long as `hearing` does.
                let _ = self.link.changed().await;
                continue;
            }
            self.give_due(Instant::now());
            if let Some(notice) = self.ready.pop_front() {
                return Ok(notice);
            }
            let due = self.due();
            tokio::select! {
                biased;
                _ = self.link.changed() => {}
                heard = self.inner.next() => self.take(heard?),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
        }
    }
}
