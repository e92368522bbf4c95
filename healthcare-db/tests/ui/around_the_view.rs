fn main() {
    let _ = healthcare_db::clinic_sql!("SELECT version FROM main.patient WHERE clinic_id = $1");
}
