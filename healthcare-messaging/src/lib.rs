#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod bus;
mod in_process;
mod outbox;
mod relay;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;

pub use crate::{
    bus::{
        Counts, Delivery, EventBus, Handler, HandlerError, PublishError, SubscribeError, Subscribed,
        Subscription, Tally, Undelivered, Why,
    },
    in_process::InProcessBus,
    outbox::MemoryOutbox,
    relay::{Pass, Relay, RelayBuilder, RelayConfigError, RelayError, RelayStatus, Wake, WakingWriter},
};
