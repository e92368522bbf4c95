//! Another trade than a clinic's, so that what is tested is the kernel alone.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use healthcare_core::{ClinicId, Id, Phi, record};

record! {
    pub struct Customer in customer = "customer" {
        subject: this,
        plain { tailor: uuid::Uuid },
        protected { Name = name: String, Chest = chest: Option<u32> },
    }
}

record! {
    pub struct Order in order = "order" {
        subject: Customer,
        plain {},
        protected { Wish = wish: String },
    }
}

pub fn customer_of(id: Id<Customer>, clinic: ClinicId, tailor: uuid::Uuid) -> Customer {
    Customer::new(
        id,
        clinic,
        customer::Plain { tailor },
        customer::Protected { name: Phi::new("Ada".into()), chest: Phi::new(Some(900)) },
    )
}
