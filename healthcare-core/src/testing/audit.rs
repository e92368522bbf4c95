use crate::{Action, Actor, Ask, AuditEvent, AuditEventId, AuditSink, ClinicId, CorrelationId, Outcome};
use std::borrow::Cow;

/// The contract of an [`AuditSink`]. `stored` says which event ids the sink holds, in its order.
pub async fn audit_sink<S: AuditSink>(sink: S, stored: impl AsyncFn(&S) -> Vec<AuditEventId>) {
    let clinic = ClinicId::random();
    let correlation = CorrelationId::random();
    let event = |number| {
        let ask = Ask { action: Action::Read, kind: Cow::Borrowed("patient"), target: None, subject: None };
        AuditEvent::of_actor(
            AuditEventId { correlation, number },
            "2026-03-02T12:00:00Z".parse().unwrap(),
            Actor::Anonymous,
            clinic,
            ask,
            Outcome::Allowed,
        )
    };

    // Eager: what was submitted is on its way although nobody waits for it.
    drop(sink.submit(event(0)));
    let receipts: Vec<_> = (1..20).map(|number| sink.submit(event(number))).collect();
    for receipt in receipts {
        receipt.await.expect("a sink with room acknowledges");
    }
    let ids = stored(&sink).await;
    let want: Vec<_> = (0..20).map(|number| AuditEventId { correlation, number }).collect();
    assert_eq!(ids, want, "everything acknowledged is stored, in the order of submission, once");

    // The same event again is acknowledged and not stored twice.
    sink.submit(event(19)).await.expect("a repetition is acknowledged");
    assert_eq!(stored(&sink).await.len(), 20, "a repetition is stored once");
}
