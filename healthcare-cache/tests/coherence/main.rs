//! Several nodes: what one forgets the others forget, whatever becomes of the messages and of the tier between them.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod barring;
mod building;
mod hearing;
#[path = "../joined/held.rs"]
#[allow(dead_code, reason = "the rig needs it")]
mod held;
mod owing;
#[path = "../joined/rig.rs"]
#[allow(dead_code, reason = "others need the rest of it")]
mod rig;

use healthcare_cache::{CacheNode, CachePolicy, Reach, TtlClass};
use rig::{Node, Rig, key};

fn policy() -> CachePolicy {
    CachePolicy::of(TtlClass::Patient).stale_after(rig::secs(800)).fail_safe(rig::secs(600)).build().unwrap()
}

/// Everything that purges the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purge {
    Key,
    Subject,
    Tag,
    Clinic,
    All,
}

const PURGES: [Purge; 5] = [Purge::Key, Purge::Subject, Purge::Tag, Purge::Clinic, Purge::All];

async fn purge(node: &CacheNode, what: Purge) -> Reach {
    let key = key(1);
    match what {
        Purge::Key => node.purge_key(&key).await,
        Purge::Subject => node.purge_subject(key.clinic, key.patient).await,
        Purge::Tag => node.purge_tag(key.clinic, "tag").await,
        Purge::Clinic => node.purge_clinic(key.clinic).await,
        Purge::All => node.purge_all().await,
    }
}

/// Three nodes that have the value 1 in their memory, and a source that has 2.
async fn outdated() -> Rig {
    let rig = Rig::new(policy()).await;
    for node in &rig.nodes {
        assert_eq!(node.read(&key(1)).await.unwrap(), 1);
        node.settle().await;
        assert_eq!(node.memory(&key(1)), Some(1));
    }
    rig.source.write(2);
    rig
}

/// Lets all tasks do what they can do without time going by.
async fn settle() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}

/// Until it hears, in small steps.
async fn until_it_hears(node: &Node) {
    for _ in 0..1_000 {
        if node.node.is_hearing() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it stays deaf");
}
