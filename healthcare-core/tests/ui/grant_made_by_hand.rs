// A grant is made by the gate alone.
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

fn forge(id: Id<Customer>) -> Grant<Read<Customer>> {
    Grant { access: Read::new(id) }
}

fn main() {}
