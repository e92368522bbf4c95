// A grant is released once.
use healthcare_core::*;

record! {
    pub struct Customer in customer = "customer" {
        subject: this,
        plain { vip: bool },
        protected { Name = name: String, Ssn = ssn: Option<String> },
    }
}
record! {
    pub struct Invoice in invoice = "invoice" {
        subject: Customer,
        plain {},
        protected { Note = note: String },
    }
}

async fn twice(grant: Grant<Read<Customer>>, one: Row<Customer>, two: Row<Customer>) {
    let _ = grant.release(one).await;
    let _ = grant.release(two).await;
}

fn main() {}
