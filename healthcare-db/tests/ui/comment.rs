fn main() {
    let _ = healthcare_db::clinic_sql!("SELECT version FROM patient WHERE id = $2 -- clinic_id = $1");
}
