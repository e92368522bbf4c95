fn main() {
    let _ = healthcare_db::clinic_sql!("SELECT version FROM patient WHERE clinic_id = $10");
}
