fn main() {
    let _ = healthcare_db::house_sql!("SELECT id FROM main.app_user JOIN main.patient ON true");
}
