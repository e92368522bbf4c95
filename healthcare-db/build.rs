//! A migration that is added makes the crate build again.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
