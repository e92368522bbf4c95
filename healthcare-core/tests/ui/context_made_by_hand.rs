// A context is made by the edge or the system door alone.
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

fn forge(clinic: ClinicId) -> RequestContext {
    RequestContext { scope: ClinicScope(clinic) }
}

fn main() {}
