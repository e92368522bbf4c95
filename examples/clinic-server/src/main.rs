//! clinic-server
fn main() {}
