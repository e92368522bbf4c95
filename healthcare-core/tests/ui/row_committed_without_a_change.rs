// Storage takes changes, and a change begins with a grant.
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

async fn misuse(store: &dyn Writer<Customer>, customer: Customer) {
    let _ = store.commit(customer).await;
}

fn main() {}
