// The protected half of a record is private to the module that declares it.
mod domain {
    healthcare_core::record! {
        pub struct Customer in customer = "customer" {
            subject: this,
            plain {},
            protected { Name = name: String },
        }
    }
}

fn look(customer: &domain::Customer) -> String {
    format!("{:?}", customer.protected)
}

fn main() {}
