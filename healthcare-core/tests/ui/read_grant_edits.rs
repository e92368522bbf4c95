// A read permits no edit.
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

async fn misuse(grant: Grant<Read<Customer>>, row: Row<Customer>) {
    let _ = grant.edit(row).await;
}

fn main() {}
