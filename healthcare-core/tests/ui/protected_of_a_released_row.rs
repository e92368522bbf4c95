// The protected fields of a row are reached by `reveal` alone.
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

fn look(customer: &Released<Customer>) -> &customer::Protected {
    customer.protected(&healthcare_core::__private::Kernel(()))
}

fn main() {}
