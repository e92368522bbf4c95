// A grant opens what it was asked for and nothing else.
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

async fn misuse(store: &dyn Reader<Customer>, grant: &Grant<List<Customer>>) {
    let _ = store.find(grant).await;
}

fn main() {}
