async fn read(transaction: &mut healthcare_db::Transaction) {
    let users = healthcare_db::house_sql!("SELECT id FROM main.app_user");
    let _ = transaction.fetch_all(&users, Vec::new()).await;
}

fn main() {}
