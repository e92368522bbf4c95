// A field of one's own cannot stand for another.
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

struct Steal;
impl Field for Steal {
    type Record = Customer;
    type Value = Option<String>;
    const BIT: u32 = 63;
    const NAME: &'static str = "customer.name";
    const INDEX: Index<Option<String>> = Index::None;
    fn of(protected: &customer::Protected) -> &Phi<Self> {
        &protected.ssn
    }
    fn of_mut(protected: &mut customer::Protected) -> &mut Phi<Self> {
        &mut protected.ssn
    }
}

fn main() {}
