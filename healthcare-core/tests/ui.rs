//! What must not compile.

#[test]
fn what_types_hold() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
