// The set of accesses is closed.
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

struct Everything;
impl Access for Everything {
    type Record = Customer;
    const ACTION: Action = Action::Read;
    fn target(&self) -> Option<uuid::Uuid> {
        None
    }
    fn subject(&self) -> Option<uuid::Uuid> {
        None
    }
}

fn main() {}
