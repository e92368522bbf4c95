//! The same kernel in another trade: a tailor's customers and their measures, in sixty lines.
//!
//! Run with `cargo run -p healthcare-core --example tailor`.

use async_trait::async_trait;
use healthcare_core::{
    Ask, AuditEvent, AuditSink, Authorizer, Boundary, ClinicId, Create, Decision, Denial, ErrorCode, Id,
    MemoryStore, Part, Phi, Read, Reader, Receipt, Record, RequestContext, RowFilter, Terms, Undecided,
    Writer, record,
};

record! {
    /// Somebody a tailor works for.
    pub struct Customer in customer = "customer" {
        subject: this,
        plain {
            /// Whether they still order.
            active: bool,
        },
        protected {
            /// Their name.
            Name = name: String,
            /// Chest in millimetres.
            Chest = chest: u32,
        },
    }
}

/// The counter sees names; only the workshop sees measures.
#[derive(Debug)]
struct House;

#[async_trait]
impl Authorizer for House {
    async fn decide(&self, context: &RequestContext, ask: &Ask) -> Result<Decision, Undecided> {
        let hidden: &[&str] = match context.actor().roles().first().map(|role| role.as_str()) {
            Some("WORKSHOP") => &[],
            Some("COUNTER") if ask.kind == Customer::KIND => &["chest"],
            _ => return Ok(Decision::Deny(Denial::new(ErrorCode::AccessDenied, "no such role here"))),
        };
        let part = Part::hiding::<Customer>(hidden).map_err(|error| Undecided(error.into()))?;
        Ok(Decision::Allow(Terms::new(RowFilter::All, [part])))
    }
}

/// Prints what is recorded.
#[derive(Debug)]
struct Printer;

impl AuditSink for Printer {
    fn submit(&self, event: AuditEvent) -> Receipt {
        println!(
            "  recorded: {} {} by {:?}: {:?}",
            event.ask.action,
            event.ask.kind,
            event.actor.roles(),
            event.outcome
        );
        Receipt::ready(Ok(()))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let boundary = Boundary::builder(House, Printer).build()?;
    let store = MemoryStore::new(boundary.storage.clone());
    let (shop, id) = (ClinicId::random(), Id::random());

    let workshop = boundary.system.job("measuring", "WORKSHOP".parse()?, shop);
    let measured = customer::Protected { name: Phi::new("Ada".into()), chest: Phi::new(914) };
    let customer = Customer::new(id, shop, customer::Plain { active: true }, measured);
    let grant = boundary.gate.open(&workshop, Create::new(id)).await?;
    store.commit(grant.fill(customer).await?).await?;

    for role in ["WORKSHOP", "COUNTER"] {
        let context = boundary.system.job("looking", role.parse()?, shop);
        let grant = boundary.gate.open(&context, Read::new(id)).await?;
        let row = store.find(&grant).await?;
        let customer = grant.release(row).await?;
        println!("{role} sees {} {:?}", customer.reveal(customer::Name)?, customer.reveal(customer::Chest));
    }
    Ok(())
}
