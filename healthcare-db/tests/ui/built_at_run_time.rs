fn main() {
    let table = String::from("patient");
    let _ = healthcare_db::clinic_sql!(&format!("SELECT version FROM {table} WHERE clinic_id = $1"));
}
