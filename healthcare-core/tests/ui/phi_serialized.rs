// A protected value cannot be serialised.
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

fn write(name: &Phi<customer::Name>) -> String {
    serde_json::to_string(name).unwrap()
}

fn main() {}
