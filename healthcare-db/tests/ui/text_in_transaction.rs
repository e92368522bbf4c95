async fn read(transaction: &mut healthcare_db::Transaction) {
    let _ = transaction.fetch_all(&"SELECT version FROM patient", Vec::new()).await;
}

fn main() {}
