use crate::rig::{SECRET, secs};
use healthcare_cache::{CacheNode, MemoryServer, Namer, NodeBuilder, NodeConfigError};
use healthcare_core::{ClinicId, ManualClock};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

fn refused(describe: impl FnOnce(NodeBuilder) -> NodeBuilder) -> NodeConfigError {
    let builder = CacheNode::builder().shared(MemoryServer::new().node()).secret(&SECRET);
    describe(builder).build().unwrap_err()
}

#[test]
fn a_description_that_makes_no_sense_is_refused() {
    let unnamed = CacheNode::builder().shared(MemoryServer::new().node()).build();
    assert_eq!(unnamed.unwrap_err(), NodeConfigError::NoSecret);
    for bound in [Duration::ZERO, Duration::from_millis(99), secs(3_601)] {
        assert_eq!(refused(|node| node.bound(bound)), NodeConfigError::Bound);
    }
    let max = Duration::from_millis(500);
    for limit in [Duration::ZERO, Duration::from_millis(501)] {
        assert_eq!(refused(|node| node.time_out(limit)), NodeConfigError::TimeOut { max });
    }
    for queue in [0, 1_000_001] {
        assert_eq!(refused(|node| node.queue_max(queue)), NodeConfigError::Queue);
    }
    let built = CacheNode::builder().bound(Duration::from_millis(100)).build();
    assert!(built.is_ok_and(|(node, _)| !node.is_joined() && node.is_hearing()));
}

#[tokio::test(start_paused = true)]
async fn a_node_whose_coherence_does_not_run_is_deaf() {
    let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
    let builder = CacheNode::builder().shared(MemoryServer::new().node()).secret(&SECRET);
    let (node, coherence) = builder.clock(clock.clone()).build().unwrap();
    assert!(!node.is_hearing());
    clock.advance(secs(60));
    assert!(node.is_joined() && !node.is_hearing());
    let running = tokio::spawn(coherence.run());
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(node.is_hearing(), "it hears its first beat at once");
    running.abort();
    clock.advance(secs(3) + Duration::from_millis(1));
    assert!(!node.is_hearing());
}

#[test]
fn one_secret_names_alike_and_another_does_not() {
    let clinic = ClinicId::from_uuid(Uuid::from_u128(1));
    let mut other = SECRET;
    other[0] ^= 1;
    let [one, same, other] = [SECRET, SECRET, other].map(|secret| Namer::with_secret(&secret));
    assert_eq!(one.tag(clinic, "tag"), same.tag(clinic, "tag"));
    assert_ne!(one.tag(clinic, "tag"), other.tag(clinic, "tag"));
    assert_ne!(one.scope(clinic), other.scope(clinic));
}

#[test]
fn nothing_of_a_secret_is_shown() {
    let builder = CacheNode::builder().shared(MemoryServer::new().node()).secret(&[0x5a; 32]);
    let shown = format!("{builder:?}");
    let (node, coherence) = builder.build().unwrap();
    let shown = format!("{shown} {node:?} {coherence:?}");
    assert!(!shown.contains("90, 90") && !shown.contains("5a5a") && !shown.contains("ZZ"), "{shown}");
}
