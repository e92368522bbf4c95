//! The clinic server's program.
fn main() {}
