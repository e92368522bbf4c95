// A chart is released as a chart.
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

async fn misuse(grant: Grant<ReadChart<Customer>>, rows: Rows<Customer>) {
    let _ = grant.release(rows).await;
}

fn main() {}
